import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkMechanismRules } from "./mechanism-rules.ts";

const fixtures = join(import.meta.dir, "..", "fixtures", "mechanism-vectors");
const golden = join(import.meta.dir, "..", "..", "..", "shared", "golden", "mechanism");

describe("the rules of the mechanism equal the original programs' results", () => {
  test("on the repository's selection of vectors", async () => {
    const { cases, problems } = await checkMechanismRules(fixtures);
    expect(problems).toEqual([]);
    expect(cases).toBeGreaterThan(3000);
  });

  test.skipIf(!existsSync(golden))("on all vectors (skipped where ../shared/golden is absent)", async () => {
    const { cases, problems } = await checkMechanismRules(golden);
    expect(problems).toEqual([]);
    expect(cases).toBeGreaterThan(15_000);
  });
});
