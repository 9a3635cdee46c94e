/** Tasks whose texts are rows of the hub's datasets. */
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import type { Task } from "../competition/competition.ts";
import { drawPages } from "../data/draw/pages.ts";
import { drawCodeforces, drawSynthetic1, type ReadPage, type ReasoningRow } from "../data/draw/reasoning.ts";
import { drawInstructions, type PartOfSpeechTagger } from "../data/generated/instructions.ts";
import { drawConfigs, drawQuestions, type MmluRow, parseQuestion } from "../data/generated/mmlu.ts";
import type { ParquetRow } from "../data/parquet/rows.ts";
import type { DatasetsAccess } from "../data/remote/datasets.ts";
import { Dataset } from "../data/remote/datasets.ts";
import { fetchTagger, type LanguageAccess } from "../data/remote/language.ts";
import { PageReader } from "./page-reader.ts";
import type { StakeReader } from "./stakes.ts";
import { reasoningText } from "./task-text.ts";
import type { Draw, TextSource } from "./text-source.ts";

/** Pages of web text: each row is a document. */
export function fineweb(access: DatasetsAccess): TextSource<"fineweb"> {
  return async (task, { random, signal }) => {
    const { dataset, reader } = open(access, task, signal, ["text"]);
    const splits = await dataset.splits();
    if (isInvalid(splits)) return reader.drawn(splits);
    const { pages: count, rowsPerPage } = task.source;
    const pages = drawPages(random, splits, { count, rowsPerPage });
    if (isInvalid(pages)) return reader.drawn(pages);
    const texts: string[] = [];
    for (const page of pages)
      for (const { text } of (await reader.read(page)) ?? []) if (typeof text === "string") texts.push(text);
    return reader.drawn(texts.slice(0, task.samples).map((text) => ({ kind: "document", text })));
  };
}

export function synthetic1(access: DatasetsAccess): TextSource<"synthetic-1-sft"> {
  return async (task, { random, signal }) => {
    const { dataset, reader } = open(access, task, signal, ["task_type", "messages"]);
    const splits = await dataset.splits();
    if (isInvalid(splits)) return reader.drawn(splits);
    const { pages, rowsPerPage } = task.source;
    const limits = { pages, rowsPerPage, samplesMax: task.samples, faithfulness: "repaired" } as const;
    const drawn = await drawSynthetic1(random, splits, { ...limits, read: reasoningRows(reader) });
    return reader.drawn(isInvalid(drawn) ? drawn : drawn.samples.map(reasoningText));
  };
}

export function codeforces(access: DatasetsAccess): TextSource<"codeforces-cots"> {
  return async (task, { random, signal, competition }) => {
    const { dataset, reader } = open(access, task, signal, ["messages"]);
    const splits = await dataset.splits();
    if (isInvalid(splits)) return reader.drawn(splits);
    const { pages, rowsPerPage } = task.source;
    const { sequenceLengthMax } = competition.constraints;
    const limits = { pages, rowsPerPage, sequenceLengthMax };
    const drawn = await drawCodeforces(random, splits, { ...limits, read: reasoningRows(reader) });
    return reader.drawn(isInvalid(drawn) ? drawn : drawn.samples.slice(0, task.samples).map(reasoningText));
  };
}

/** @param stakes tells whose questions count */
export function syntheticMmlu(access: DatasetsAccess, stakes: StakeReader): TextSource<"synthetic-mmlu"> {
  return async (task, draw) => {
    const { netuid, stakeTaoMin, configs, samplesMin } = task.source;
    const hotkeys = await stakes({ netuid, stakeTaoMin }, draw);
    if (isInvalid(hotkeys)) return { kind: "dropped", reason: hotkeys.detail };
    if (hotkeys.size === 0) return { kind: "dropped", reason: `Subnet ${netuid} has no validator with enough stake.` };
    const { reader, rows } = await drawMmluRows(access, task, configs, draw);
    if (isInvalid(rows)) return reader.drawn(rows);
    const questions = drawQuestions(draw.random, rows, { hotkeys, samplesMax: task.samples });
    const texts = questions.map(({ challenge, reference: answer }) => ({ kind: "choice" as const, challenge, answer }));
    return reader.drawn(texts, samplesMin);
  };
}

export function instructions(access: DatasetsAccess, language: LanguageAccess): TextSource<"instructions"> {
  return async (task, draw) => {
    const { version, configs } = task.source;
    const tag = await taggerOf(task.source, language, draw.signal);
    if (isInvalid(tag)) return { kind: "dropped", reason: `The part-of-speech data is not to be had: ${tag.detail}` };
    const { reader, rows } = await drawMmluRows(access, task, configs, draw);
    if (isInvalid(rows)) return reader.drawn(rows);
    const { random } = draw;
    const limits = { hotkeys: new Set<string>(), samplesMax: 2 * task.samples };
    const parsed = drawQuestions(random, rows, limits).flatMap(
      ({ challenge, reference }) => parseQuestion(challenge, reference) ?? [],
    );
    const samples = drawInstructions(random, parsed, { version, tag, samplesMax: task.samples });
    return reader.drawn(samples.map((sample) => ({ kind: "instructions", ...sample })));
  };
}

/** The tagger for keywords, which only the second version's rules ask for. */
async function taggerOf(
  { version, tagger: sha256 }: Parameters<TextSource<"instructions">>[0]["source"],
  language: LanguageAccess,
  signal: AbortSignal,
): Promise<PartOfSpeechTagger | Invalid> {
  if (version === 1) return () => [];
  if (sha256 === undefined) return invalid("no-tagger", "the competition does not name it.");
  return await fetchTagger(language, { sha256, signal });
}

/** A month's questions are some thousands; what is far beyond is not theirs. */
const rowsPerConfigMax = 200_000;

/** All rows of the drawn configurations. */
async function drawMmluRows(
  access: DatasetsAccess,
  task: Task & { readonly source: { readonly dataset: string } },
  count: number,
  { random, signal }: Draw,
) {
  const { dataset, reader } = open(access, task, signal, ["id", "challenge", "reference", "hotkey"]);
  const splits = await dataset.splits();
  if (isInvalid(splits)) return { reader, rows: splits };
  const configs = [...new Set(splits.map(({ config }) => config))];
  const rows: MmluRow[] = [];
  for (const config of drawConfigs(random, configs, count)) {
    const whole = splits.find((split) => split.config === config)!;
    if (whole.rows === 0) continue;
    const { split } = whole;
    const found = await reader.read({ config, split, offset: 0, rows: Math.min(whole.rows, rowsPerConfigMax) });
    for (const row of found ?? []) {
      const read = mmluRow(row);
      if (read !== null) rows.push(read);
    }
  }
  return { reader, rows };
}

function mmluRow({ id, challenge, reference, hotkey }: ParquetRow): MmluRow | null {
  if (typeof challenge !== "string" || typeof reference !== "string" || typeof hotkey !== "string") return null;
  return { id: String(id), challenge, reference, hotkey };
}

function reasoningRows(reader: PageReader): ReadPage {
  return async (page) => {
    const rows = await reader.read(page);
    return rows === null ? null : rows.map(reasoningRow);
  };
}

function reasoningRow({ task_type: taskType, messages }: ParquetRow): ReasoningRow {
  const contents = (Array.isArray(messages) ? messages : []).map((message: unknown) => {
    const isMessage = typeof message === "object" && message !== null && "content" in message;
    return isMessage && typeof message.content === "string" ? message.content : null;
  });
  const isWhole = contents.every((content) => content !== null);
  return { taskType: typeof taskType === "string" ? taskType : null, messages: isWhole ? (contents as string[]) : [] };
}

function open(
  access: DatasetsAccess,
  task: Task & { readonly source: { readonly dataset: string } },
  signal: AbortSignal,
  columns: readonly string[],
): { readonly dataset: Dataset; readonly reader: PageReader } {
  const dataset = new Dataset(task.source.dataset, access, signal);
  return { dataset, reader: new PageReader(task, dataset, columns) };
}
