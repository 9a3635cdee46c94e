import { expect, test } from "bun:test";
import { isInvalid } from "../../base/invalid.ts";
import type { PartOfSpeechTagger } from "./instructions.ts";
import { readTagger } from "./part-of-speech.ts";

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function taggerOf(weights: unknown, single: unknown = {}): PartOfSpeechTagger {
  const tagger = readTagger({
    weights: bytesOf(weights),
    tagdict: bytesOf(single),
    classes: bytesOf(["NN", "DT", "VBZ", "CD"]),
  });
  if (isInvalid(tagger)) throw new Error(tagger.detail);
  return tagger;
}

test("a word's own weights, its neighbours' and the tags before it decide together", () => {
  const tag = taggerOf(
    {
      "i word the": { DT: 1 },
      "i suffix ver": { NN: 1 },
      "i-1 tag DT": { NN: 0.5 },
      "i-1 tag NN": { VBZ: 1 },
      "i+1 word -END-": { VBZ: 0.25, NN: -1 },
      "i word !YEAR": { CD: 2 },
      "i word !DIGITS": { CD: 1.5 },
    },
    { Rome: "NN" },
  );
  expect(tag(["the", "river", "runs"])).toEqual(["DT", "NN", "VBZ"]);
  expect(tag(["Rome", "falls", "1984", "3a"])).toEqual(["NN", "VBZ", "CD", "CD"]);
  expect(tag([])).toEqual([]);
});

test("without any weight the last class in the order of texts is taken", () => {
  expect(taggerOf({})(["anything"])).toEqual(["VBZ"]);
  expect(taggerOf({ bias: { VBZ: -1 } })(["anything"])).toEqual(["NN"]);
});

test("files that are not a tagger's are refused", () => {
  const good = { weights: bytesOf({}), tagdict: bytesOf({}), classes: bytesOf(["NN"]) };
  for (const bad of [
    { ...good, weights: bytesOf([1]) },
    { ...good, classes: bytesOf([]) },
    { ...good, tagdict: Uint8Array.of(0xff) },
  ])
    expect(readTagger(bad)).toMatchObject({ kind: "invalid", reason: "wrong-tagger" });
});
