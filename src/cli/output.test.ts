/** What is printed says the same whatever its strings hold, and commands no terminal. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";

const output = join(import.meta.dir, "output.ts");

/** What a program prints that has the output's functions at hand. */
function printed(program: string): string {
  const source = `const { print, printJson, printTable } = await import(${JSON.stringify(output)}); ${program}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", source]);
  expect(stderr.toString()).toBe("");
  return stdout.toString();
}

test("names from outside move no cursor", () => {
  const name = "\u001b[2Jmodel\u009b31m\u202eledom";
  const out = printed(
    `const name = ${JSON.stringify(name)}; print(name); printTable([name], [[name]]); printJson({ name });`,
  );
  expect(out).not.toMatch(/[\u001b\u009b\u202e]/);
  expect(JSON.parse(out.trim().split("\n").at(-1)!)).toEqual({ name });
});

test("JSON reads back as it was", () => {
  const values = fc.sample(fc.jsonValue(), { numRuns: 200, seed: 1 });
  const text = JSON.stringify(JSON.stringify(values));
  const lines = printed(`for (const value of JSON.parse(${text})) printJson(value);`).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(values)));
});
