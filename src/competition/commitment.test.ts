import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isInvalid } from "../base/invalid.ts";
import { commitmentBytesMax, formatCommitment, parseCommitment, readCommitment } from "./commitment.ts";

const revision = "13943f2cb418700f5a8f441d08c8c2ec89703b8f";
const secureHash = "h7PWHB5lpblvkbgY/jH9Zya2pBkhCwLJ0iUB2evKS6Y=";
const bytesOf = (text: string) => new TextEncoder().encode(text);

const name = fc.stringMatching(/^[A-Za-z0-9_]([A-Za-z0-9._-]{0,15}[A-Za-z0-9_])?$/);
const model = fc
  .record({
    namespace: name,
    name,
    revision: fc.stringMatching(/^[0-9a-f]{40}$/),
    secureHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    competitionId: fc.nat(99),
  })
  .filter((fields) => `${fields.namespace}/${fields.name}`.length > 3);

describe("a commitment", () => {
  test("is read as it was written, and fits the chain's 128 bytes", () => {
    fc.assert(
      fc.property(model, (fields) => {
        const written = bytesOf(formatCommitment(fields));
        expect(written.length).toBeLessThanOrEqual(commitmentBytesMax);
        expect(readCommitment(written)).toEqual(fields);
      }),
    );
  });

  test("of any bytes is a model or a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const read = readCommitment(bytes);
        if (!isInvalid(read)) expect(formatCommitment(read)).toBe(new TextDecoder().decode(bytes));
      }),
    );
  });

  const refused: readonly (readonly [text: string, reason: string])[] = [
    [`a:bcd:${revision}:${secureHash}`, "wrong-field-count"],
    [`a:bcd:${revision}:${secureHash}:3:extra`, "wrong-field-count"],
    [`a:bcd:${revision}:${secureHash}: 3`, "bad-competition"],
    [`a:bcd:${revision}:${secureHash}:+3`, "bad-competition"],
    [`a:bcd:${revision}:${secureHash}:70000`, "bad-competition"],
    [`a:bcd:main:${secureHash}:3`, "bad-revision"],
    [`a:bcd:${revision.toUpperCase()}:${secureHash}:3`, "bad-revision"],
    [`a:bcd:${revision}:None:3`, "bad-hash"],
    // The last digit's low bits must be zero, or two texts would name one hash.
    [`a:bcd:${revision}:${secureHash.replace("Y=", "Z=")}:3`, "bad-hash"],
    [`a:b:${revision}:${secureHash}:3`, "bad-repository"],
    [`..:bcd:${revision}:${secureHash}:3`, "bad-repository"],
    [`a/b:c:${revision}:${secureHash}:3`, "bad-repository"],
    [`${"n".repeat(20)}:${"m".repeat(20)}:${revision}:${secureHash}:3`, "bad-repository"],
  ];
  test.each(refused as [string, string][])("%p is refused", (text, reason) => {
    expect(parseCommitment(text)).toMatchObject({ kind: "invalid", reason });
  });

  test("that is too long or no text is refused before it is read", () => {
    expect(readCommitment(new Uint8Array(129))).toMatchObject({ reason: "too-long" });
    expect(readCommitment(Uint8Array.of(0xff, 0xfe))).toMatchObject({ reason: "not-utf8" });
  });
});
