/** pages.json, reasoning_data.json, samples.launch.json: which rows a round reads and what it makes of them. */
import { isInvalid } from "../../../src/base/invalid.ts";
import { Random } from "../../../src/base/random.ts";
import { drawConversations } from "../../../src/data/draw/conversations.ts";
import { type DatasetSplit, drawPages, nameOf, type Page, pageDraws } from "../../../src/data/draw/pages.ts";
import {
  drawCodeforces,
  drawSynthetic1,
  fitsWindow,
  reasoningInstruction,
  splitCode,
  splitMath,
} from "../../../src/data/draw/reasoning.ts";
import refusals from "../../../src/data/draw/refusals.json" with { type: "json" };
import type { Tally, Vector } from "./tally.ts";

const fieldsOf = ({ config, offset, split }: Page) => [config, offset, split];

export function checkPages(tally: Tally): void {
  for (const [index, vector] of tally.read("pages.json").cases.entries()) {
    const where = `pages.json cases[${index}]`;
    const splits = vector.splits.map(
      ({ config, split, num_rows: rows }: Vector): DatasetSplit => ({ config, split, rows }),
    );
    const { num_pages: count, rows_per_page: rowsPerPage } = vector;
    const random = () => new Random(BigInt(vector.seed));
    const asked = vector.requests.filter(({ sleep }: Vector) => sleep === undefined);
    if (asked.length === 0) {
      // A configuration that is shorter than a page.
      tally.equal(where, isInvalid(drawPages(random(), splits, { count, rowsPerPage })), true);
      continue;
    }
    checkRequests(tally, where, asked, pageDraws(random(), splits, rowsPerPage));
    // A failed request makes the original draw another page; here the page is asked for again, then dropped.
    if (vector.statuses.some((status: number) => status !== 200)) continue;
    const pages = drawPages(random(), splits, { count, rowsPerPage });
    if (isInvalid(pages)) {
      // Short configurations work for the original while its offset happens to leave a page.
      tally.equal(
        `${where} too short`,
        splits.some(({ rows }: DatasetSplit) => rows < 2 * rowsPerPage - 2),
        true,
      );
      continue;
    }
    tally.equal(`${where} pages`, pages.map(fieldsOf), vector.pages);
    tally.equal(`${where} names`, pages.map(nameOf), vector.names);
  }
}

/** The original's requests are our draws; only pages that it has already read are passed over. */
function checkRequests(tally: Tally, where: string, asked: readonly Vector[], draws: Iterator<Page>): void {
  const read = new Set<string>();
  const next = () => {
    let page = draws.next().value as Page;
    while (read.has(nameOf(page))) page = draws.next().value as Page;
    return page;
  };
  for (const [step, { config, offset, split, status }] of asked.entries()) {
    const page = next();
    tally.equal(`${where} requests[${step}]`, fieldsOf(page), [config, offset, split]);
    if (status === 200) read.add(nameOf(page));
  }
}

export async function checkReasoning(tally: Tally): Promise<void> {
  const vectors = tally.read("reasoning_data.json");
  tally.equal(
    "reasoning_data.json context",
    `system=${reasoningInstruction}|user=Q|assistant=`,
    vectors.context_example,
  );
  for (const [index, { task_type: type, text, trace, answer }] of vectors.parse.entries()) {
    const parsed = type === "verifiable_math" ? splitMath(text) : splitCode(text, "published");
    tally.equal(`reasoning_data.json parse[${index}]`, parsed, { trace, answer });
  }
  for (const [index, { question_length: q, trace_length: t, fits }] of vectors.fits.entries())
    tally.equal(`reasoning_data.json fits[${index}]`, fitsWindow(["q".repeat(q), "t".repeat(t)], 16_384), fits);
  for (const [index, vector] of vectors.synthetic_1.entries())
    await checkSynthetic1(tally, `reasoning_data.json synthetic_1[${index}]`, vector);
  for (const [index, vector] of vectors.codeforces.entries())
    await checkCodeforces(tally, `reasoning_data.json codeforces[${index}]`, vector);
}

async function checkSynthetic1(tally: Tally, where: string, vector: Vector): Promise<void> {
  const requests: unknown[] = [];
  const { target_size: samplesMax, rows_per_page: rowsPerPage, rows } = vector;
  const [{ config, split }] = vector.requests;
  const drawn = await drawSynthetic1(new Random(BigInt(vector.seed)), [{ config, split, rows: rows.length }], {
    pages: 1,
    rowsPerPage,
    samplesMax,
    faithfulness: "published",
    read: async (page) => {
      requests.push([page.config, page.split, page.offset, page.rows]);
      return rows
        .slice(page.offset, page.offset + page.rows)
        .map(([taskType, messages]: [string | null, string[]]) => ({ taskType, messages }));
    },
  });
  const asked = vector.requests.map(({ config, split, offset, limit }: Vector) => [config, split, offset, limit]);
  tally.equal(`${where} requests`, requests, asked);
  if (isInvalid(drawn)) return;
  tally.equal(
    `${where} questions`,
    drawn.samples.map(({ question }) => question),
    vector.questions,
  );
  tally.equal(
    `${where} references`,
    drawn.samples.map(({ reference }) => reference),
    vector.references,
  );
}

async function checkCodeforces(tally: Tally, where: string, vector: Vector): Promise<void> {
  const requests: unknown[] = [];
  const splits = vector.splits.map(
    ([config, rows]: [string, number]): DatasetSplit => ({ config, split: "train", rows }),
  );
  const drawn = await drawCodeforces(new Random(BigInt(vector.seed)), splits, {
    pages: 1,
    rowsPerPage: vector.rows_per_page,
    sequenceLengthMax: 16_384,
    read: async (page) => {
      requests.push([page.config, page.split, page.offset, page.rows]);
      return vector.rows.slice(page.offset, page.offset + page.rows).map(([count, length]: number[], index: number) => {
        const place = page.offset + index;
        const trace = length === 65_600 ? "L".repeat(65_600) : `  t${place} \n`;
        return { taskType: null, messages: [`q${place}`, trace, "", ""].slice(0, count) };
      });
    },
  });
  const asked = vector.requests.map(({ config, split, offset, limit }: Vector) => [config, split, offset, limit]);
  tally.equal(`${where} requests`, requests, asked);
  if (isInvalid(drawn)) return;
  tally.equal(
    `${where} questions`,
    drawn.samples.map(({ question }) => question),
    vector.questions,
  );
  tally.equal(
    `${where} references`,
    drawn.samples.map(({ reference }) => reference),
    vector.references,
  );
}

export async function checkConversations(tally: Tally): Promise<void> {
  const { refusal_phrases: phrases, cases } = tally.read("samples.launch.json");
  tally.equal("samples.launch.json phrases", refusals, phrases);
  for (const [index, vector] of cases.entries()) {
    const where = `samples.launch.json cases[${index}]`;
    const runs = vector.runs.map((run: Vector) => ({
      id: run.id,
      hotkey: run.hotkey,
      isSigned: run.signature_valid,
      lastStep: run.last_step,
    }));
    const rowsOf = new Map<string, Vector[]>(vector.runs.map((run: Vector) => [run.id, run.rows]));
    const drawn = await drawConversations(
      new Random(vector.seed),
      runs,
      {
        samplesMax: vector.max_samples,
        stepsPerRun: 5,
        ageSecondsMax: 86_400,
        uidsMax: 256,
        hotkeys: new Set(vector.validators),
      },
      async ({ id }, fromStep) =>
        rowsOf
          .get(id)!
          .filter(({ _step: step }) => step >= fromStep)
          .map(({ _step: step, _age_hours: hours, ...fields }) => ({ step, ageSeconds: hours * 3600 + 600, fields })),
    );
    const pairs = drawn.conversations.map(({ prompt, response }) => [prompt, response]);
    tally.equal(where, pairs, vector.samples);
    tally.equal(`${where} ids`, drawn.sources.toSorted(), vector.ids);
  }
}
