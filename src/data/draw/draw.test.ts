import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isInvalid } from "../../base/invalid.ts";
import { Random } from "../../base/random.ts";
import { drawConversations } from "./conversations.ts";
import { drawPages, nameOf } from "./pages.ts";
import { drawSynthetic1, readReasoning, splitCode } from "./reasoning.ts";

describe("pages", () => {
  const split = fc.record({
    config: fc.stringMatching(/^[a-z]{1,6}$/),
    split: fc.constant("train"),
    rows: fc.integer({ min: 18, max: 100_000 }),
  });
  const splits = fc.uniqueArray(split, { selector: ({ config }) => config, minLength: 1, maxLength: 6 });

  test("lie within their configuration, do not overlap, and are the same for the same seed", () => {
    fc.assert(
      fc.property(fc.bigInt(), splits, fc.integer({ min: 1, max: 12 }), (seed, given, count) => {
        const draw = () => drawPages(new Random(seed), given, { count, rowsPerPage: 10 });
        const pages = draw();
        expect(draw()).toEqual(pages);
        if (isInvalid(pages)) throw new Error(pages.detail);
        expect(pages.length).toBeLessThanOrEqual(count);
        expect(new Set(pages.map(nameOf)).size).toBe(pages.length);
        const start = pages[0]!.offset % 10;
        for (const { config, offset, rows } of pages) {
          expect(offset % 10).toBe(start);
          // The original's count of pages lets the last one be a row short.
          expect(offset + rows).toBeLessThanOrEqual(given.find((one) => one.config === config)!.rows + 1);
        }
      }),
    );
  });

  test("are not drawn from a dataset that may be shorter than a page", () => {
    const short = [{ config: "a", split: "train", rows: 17 }];
    expect(drawPages(new Random(1), short, { count: 1, rowsPerPage: 10 })).toMatchObject({ reason: "too-few-rows" });
    expect(drawPages(new Random(1), [], { count: 1, rowsPerPage: 10 })).toMatchObject({ reason: "no-rows" });
  });
});

describe("reasoning", () => {
  const splits = [{ config: "default", split: "train", rows: 400 }];
  const rowAt = (place: number) => ({ taskType: "verifiable_math", messages: [`q${place}`, `so \\boxed{${place}}.`] });

  test("no row is asked twice, and a page that cannot be read is dropped and not replaced", async () => {
    const draw = (failing: ReadonlySet<number>) => {
      let reads = 0;
      return drawSynthetic1(new Random(9), splits, {
        pages: 1,
        rowsPerPage: 10,
        samplesMax: 60,
        faithfulness: "repaired",
        read: async ({ offset, rows }) =>
          failing.has(reads++) ? null : Array.from({ length: rows }, (_, index) => rowAt(offset + index)),
      });
    };
    const [whole, broken] = [await draw(new Set()), await draw(new Set([0, 2]))];
    if (isInvalid(whole) || isInvalid(broken)) throw new Error("drawn");
    expect(new Set(whole.samples.map(({ question }) => question)).size).toBe(60);
    expect(broken.dropped.length).toBe(2);
    const asked = [...broken.pages, ...broken.dropped].map(nameOf);
    for (const page of whole.pages) expect(asked).toContain(nameOf(page));
  });

  test("the last result is cut out; a text without one stays as it is", () => {
    const text = 'first {"output": "1"} then {"output": "1"} end';
    expect(splitCode(text, "repaired").trace).toBe('first {"output": "1"} then  end');
    expect(splitCode(text, "published").trace).toBe('first  then {"output": "1"} end');
    const open = { taskType: "verifiable_math", messages: ["q", " no box "] };
    expect(readReasoning(open, "repaired")?.reference).toBe("no box");
    expect(readReasoning(open, "published")?.reference).toBe("no box \\boxed{}");
    expect(readReasoning({ taskType: "poetry", messages: ["q", "a"] }, "repaired")).toBeNull();
    expect(readReasoning({ taskType: "verifiable_math", messages: ["q"] }, "repaired")).toBeNull();
  });
});

test("conversations come from signed runs of the right validators, without refusals, and a broken run is named", async () => {
  const run = (id: string, hotkey: string, isSigned: boolean) => ({ id, hotkey, isSigned, lastStep: 9 });
  const runs = [run("good", "v", true), run("forged", "v", false), run("other", "x", true), run("broken", "v", true)];
  const fields = {
    modality: "text",
    "prompts.0": " hello ",
    "responses.0": "hi\n",
    "prompts.1": "write",
    "responses.1": "I'm sorry, I cannot",
    "prompts.2": 5,
    "responses.2": "five",
    "prompts.9": "beyond",
    "responses.9": "the uids",
  };
  const limits = { samplesMax: 10, stepsPerRun: 5, ageSecondsMax: 60, uidsMax: 5, hotkeys: new Set(["v"]) };
  const drawn = await drawConversations(new Random(1), runs, limits, async ({ id }, fromStep) => {
    expect(fromStep).toBe(5);
    if (id === "broken") return null;
    return [60, 61].map((ageSeconds, step) => ({ step, ageSeconds, fields }));
  });
  expect(drawn).toEqual({
    conversations: [{ prompt: "hello", response: "hi" }],
    sources: ["good_0"],
    dropped: ["broken"],
  });
});
