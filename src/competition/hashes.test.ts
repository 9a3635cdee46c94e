import { expect, test } from "bun:test";
import fc from "fast-check";
import { hashDirectory, hashFile, hashForHotkey } from "./hashes.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

test("are the subnet's", () => {
  expect(hashForHotkey("hash1", "hotkey1")).toBe("h7PWHB5lpblvkbgY/jH9Zya2pBkhCwLJ0iUB2evKS6Y=");
  const files = [
    { path: "sub/a.bin", hash: hashFile(Uint8Array.of(0, 1)) },
    { path: "config.json", hash: hashFile(bytesOf("{}")) },
    { path: "Zeta.txt", hash: hashFile(bytesOf("z")) },
  ];
  expect(hashDirectory(files)).toBe("FF4O/fN7Z1MH0asYl8oHsCpIQvVGZmFRTYlNFrSAgBs=");
});

test("a directory's does not depend on the order in which its files are given, and does on every byte", () => {
  const files = fc.uniqueArray(
    fc.record({ path: fc.stringMatching(/^([a-c]\/){0,2}[a-z]{1,3}$/), hash: fc.stringMatching(/^[A-Z]{4}$/) }),
    { selector: ({ path }) => path, minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(files, (given) => {
      const hash = hashDirectory(given);
      expect(hashDirectory(given.toReversed())).toBe(hash);
      const changed = given.with(0, { ...given[0]!, hash: "other" });
      expect(hashDirectory(changed)).not.toBe(hash);
    }),
  );
});
