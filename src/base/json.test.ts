import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type JsonLimits, parseJson, parseJsonBytes } from "./json.ts";

const limits: JsonLimits = { depthMax: 100, valuesMax: 100_000 };

describe("JSON from strangers", () => {
  test("reads whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        // Through JSON once: it drops the sign of −0, as every writer does.
        const plain = JSON.parse(JSON.stringify(value));
        expect(parseJson(JSON.stringify(value, null, indent), limits)).toEqual({ kind: "json", value: plain });
      }),
    );
  });

  test("accepts nothing that the built-in parser refuses, and means the same", () => {
    const mutation = fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom(...'{}[],:"\\u0e1-+. nt\u0001\ud800'));
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(mutation, { minLength: 1, maxLength: 3 }), (value, mutations) => {
        let text = JSON.stringify(value);
        for (const [at, removed, inserted] of mutations) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + inserted + text.slice(place + removed);
        }
        const result = parseJson(text, limits);
        if (result.kind === "json") expect(result.value as unknown).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  const refused: [string, RegExp][] = [
    ['{"a":1,"a":2}', /"a" appears twice/],
    ['{"a":1,"\\u0061":2}', /"a" appears twice/],
    ["[".repeat(101) + "]".repeat(101), /nested deeper than 100/],
    [`[${"0,".repeat(100_000)}0]`, /more than 100000 values/],
    ['"\\ud800"', /lone surrogate/],
    ["1e999", /too large/],
    ["01", /text after the document/],
    ["[1,]", /a value is expected/],
    ['{"a":1,}', /a key is expected/],
    ['"\n"', /does not end/],
    ['"\\x41"', /unknown escape/],
    ["", /a value is expected/],
    ["nul", /a value is expected/],
  ];
  for (const [text, detail] of refused) {
    test(`refuses ${text.slice(0, 30)}`, () => {
      expect(parseJson(text, limits)).toEqual({ kind: "error", detail: expect.stringMatching(detail) });
    });
  }

  test("counts with whole numbers only where it is told to", () => {
    const integers = { ...limits, integersOnly: true };
    expect(parseJson("[0,9007199254740991]", integers)).toEqual({ kind: "json", value: [0, 9007199254740991] });
    for (const text of ["1.0", "1e2", "-1", "-0", "9007199254740992", "00"])
      expect(parseJson(text, integers).kind).toBe("error");
  });

  test("a key named __proto__ is a key", () => {
    const result = parseJson('{"__proto__":{"polluted":true}}', limits);
    expect(result.kind === "json" && Object.keys(result.value as object)).toEqual(["__proto__"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("bytes must be UTF-8, without a mark of the byte order", () => {
    expect(parseJsonBytes(new Uint8Array([0x22, 0xff, 0x22]), limits)).toEqual({ kind: "error", detail: "not UTF-8" });
    expect(parseJsonBytes(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]), limits).kind).toBe("error");
  });
});
