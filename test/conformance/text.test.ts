/** Tokenizers and chat templates against golden texts: the repository's copy, and all of them where they are. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkChat } from "./chat.ts";
import { checkTokenizers } from "./tokenizers.ts";

const copy = join(import.meta.dir, "..", "fixtures", "text");
const golden = join(import.meta.dir, "..", "..", "..", "shared", "golden");

for (const [name, folder] of [
  ["the repository's copy", copy],
  ["all golden texts", golden],
] as const) {
  describe.skipIf(!existsSync(folder))(name, () => {
    test("tokenizers", async () => {
      const { cases, problems } = await checkTokenizers(folder);
      expect(problems).toEqual([]);
      expect(cases).toBeGreaterThan(300);
    });
    test("chat templates", async () => {
      const { cases, problems } = await checkChat(folder);
      expect(problems).toEqual([]);
      expect(cases).toBeGreaterThan(200);
    });
  });
}
