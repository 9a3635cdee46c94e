/** `bun run bench [NAME] [flags]`: measurements that anyone can repeat. Each is a file that also runs on its own. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

const known = readdirSync(import.meta.dir)
  .filter((file) => file.endsWith(".ts") && file !== "main.ts")
  .map((file) => file.slice(0, -".ts".length))
  .sort();
const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !known.includes(name)) {
  console.error(`${name === undefined ? "Give" : `There is no benchmark ${name}; give`} one of: ${known.join(", ")}.`);
  process.exit(2);
}
const child = Bun.spawn([process.execPath, join(import.meta.dir, `${name}.ts`), ...rest], {
  stdin: "inherit",
  stdout: "inherit",
  stderr: "inherit",
});
process.exit(await child.exited);
