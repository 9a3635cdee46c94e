import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { byCodePoint } from "../../base/python-text.ts";
import { Random } from "../../base/random.ts";
import { drawDyck } from "./dyck.ts";
import { drawInstruction, incompatible } from "./instructions.ts";
import { drawWordSorting } from "./word-sorting.ts";
import { offlineWords, readWords } from "./words.ts";

const words = { ...offlineWords, wordsMin: 2, wordsMax: 20, lettersMin: 3 };

test("sorted words are the asked ones in order", () => {
  for (const { context, reference } of drawWordSorting(new Random(1), 200, words)) {
    const asked = /^Sort the following words alphabetically: (.*)\. $/.exec(context)![1]!.split(" ");
    expect(reference.split(" ")).toEqual(asked.toSorted(byCodePoint));
    expect(asked.length).toBeWithin(2, 21);
  }
});

test("brackets and their answer are balanced, and the answer only closes", () => {
  const closing: Readonly<Record<string, string>> = { "<": ">", "[": "]", "{": "}", "(": ")" };
  for (const { context, reference } of drawDyck(new Random(2), 300, { pairsMin: 2, pairsMax: 20 })) {
    const open: string[] = [];
    for (const bracket of [...context.slice(context.indexOf("Input: ") + 7).split(" "), ...reference.split(" ")]) {
      if (closing[bracket] !== undefined) open.push(closing[bracket]);
      else expect(open.pop()).toBe(bracket);
    }
    expect(open).toEqual([]);
    expect(reference).toMatch(/^[\]>})]( [\]>})]){0,2}$/);
  }
});

describe("instructions", () => {
  const answered = fc.record({ question: fc.string(), answer: fc.string() });

  test("rules never contradict each other, and every prompt names them all", () => {
    const tag = (list: readonly string[]) => list.map(() => "NN");
    fc.assert(
      fc.property(fc.bigInt(), fc.constantFrom(1, 2), answered, answered, (seed, version, first, second) => {
        const { rules, prompts } = drawInstruction(new Random(seed), [first, second], { version, tag } as never);
        const kinds = rules.map(({ kind }) => kind);
        expect(new Set(kinds).size).toBe(kinds.length);
        for (const kind of kinds) for (const other of incompatible[kind]) expect(kinds).not.toContain(other);
        expect(kinds.length).toBeWithin(version, version + 4);
        expect(prompts[0]).toEndWith(`\n\n"${first.question}"\n`);
        expect(prompts[1]).toContain(`\n${rules.length}. `);
      }),
    );
  });
});

test("a word list is a word a line", () => {
  const list = readWords(new TextEncoder().encode("come\n\nget\n"), "ab");
  expect(list).toEqual({ name: "sha256:ab", words: ["come", "get"] });
  expect(offlineWords.words.length).toBe(2048);
});
