import { expect, test } from "bun:test";
import {
  byCodePoint,
  isLower,
  isUpper,
  lengthOf,
  removePunctuation,
  splitLines,
  splitWords,
  strip,
} from "./python-text.ts";

test("words are parted by what Python calls white space", () => {
  expect(splitWords("  a\u001cb\u0085c\u3000d\n")).toEqual(["a", "b", "c", "d"]);
  // A byte order mark is white space to JavaScript alone.
  expect(splitWords("a\ufeffb")).toEqual(["a\ufeffb"]);
  expect(strip("\u00a0 x \u2028")).toBe("x");
});

test("lines end at every kind of line end, and none is added after the last", () => {
  expect(splitLines("a\r\nb\rc\vd\u2028e\n")).toEqual(["a", "b", "c", "d", "e"]);
  expect(splitLines("\n\n")).toEqual(["", ""]);
  expect(splitLines("")).toEqual([]);
});

test("case is that of the letters, and a text without letters has none", () => {
  expect([isUpper("A1!"), isUpper("1"), isUpper("Aa"), isUpper("Ǆ"), isUpper("ǅ")]).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
  expect([isLower("ß…"), isLower("中"), isLower("中a"), isLower("aA")]).toEqual([true, false, true, false]);
});

test("punctuation is ASCII's, lengths and orders are by code points", () => {
  expect(removePunctuation("it's – a_b.")).toBe("its – ab");
  expect(lengthOf("a😀")).toBe(2);
  expect(["😀", "ｆ", "z"].toSorted(byCodePoint)).toEqual(["z", "ｆ", "😀"]);
});
