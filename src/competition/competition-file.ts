/**
 * Reads a competition file: JSON of the operator's making, checked completely before anything is paid by it. Unknown keys
 * are refused, since a misspelt rule that is ignored in silence pays the wrong miner.
 */
import { z } from "zod";
import { parseJson } from "../base/json.ts";
import type { Competition, CompetitionFile, Period } from "./competition.ts";

export interface Problem {
  /** Such as `schedule[0].competitions[1].tasks[0].weight`; empty for the file itself. */
  readonly path: string;
  readonly message: string;
}

export type ParsedFile =
  | { readonly kind: "competitions"; readonly file: CompetitionFile }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Parses and checks the text of a competition file. All problems are reported at once. */
export function parseCompetitionFile(text: string): ParsedFile {
  const json = parseJson(text, { depthMax: 32, valuesMax: 100_000 });
  if (json.kind === "error")
    return { kind: "invalid", problems: [{ path: "", message: `This is not JSON: ${json.detail}.` }] };
  const checked = schema.safeParse(json.value);
  if (checked.success) return { kind: "competitions", file: checked.data };
  return {
    kind: "invalid",
    problems: checked.error.issues.map(({ path, message }) => ({ path: pathText(path), message })),
  };
}

/** The file's JSON Schema (draft 2020-12), for editors. Sums and overlaps are beyond it; `parseCompetitionFile` checks them. */
export function competitionFileSchema(): object {
  return z.toJSONSchema(schema, { io: "input" });
}

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const natural = z.int().min(0);
const count = z.int().min(1);
const word = z.string().min(1).max(200);
const revision = z.string().regex(/^[0-9a-f]{40}$/, "A revision is a commit: 40 of 0-9 and a-f.");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "A SHA-256 is 64 of 0-9 and a-f.");

const epsilon = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("fixed"), value: z.number().min(0).lt(1) }),
  z.strictObject({
    kind: z.literal("linear"),
    start: z.number().min(0).lt(1),
    end: z.number().min(0).lt(1),
    decayBlocks: count,
  }),
]);

const source = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("fineweb"), dataset: word, pages: count, rowsPerPage: count }),
  z.strictObject({
    kind: z.literal("synthetic-mmlu"),
    dataset: word,
    configs: count,
    samplesMin: natural,
    netuid: natural,
    stakeTaoMin: z.number().min(0),
  }),
  z.strictObject({ kind: z.literal("synthetic-1-sft"), dataset: word, rowsPerPage: count, pages: count }),
  z.strictObject({ kind: z.literal("codeforces-cots"), dataset: word, rowsPerPage: count, pages: count }),
  z.strictObject({
    kind: z.literal("cortex-stream"),
    project: word,
    runType: word,
    netuid: natural,
    uidsMax: count,
    stepsPerRun: count,
    ageSecondsMax: positive,
    stakeTaoMin: z.number().min(0),
  }),
  z.strictObject({
    kind: z.literal("word-sorting"),
    wordsMin: count,
    wordsMax: count,
    lettersMin: count,
    words: sha256.optional(),
  }),
  z.strictObject({ kind: z.literal("dyck"), pairsMin: count, pairsMax: count }),
  z.strictObject({
    kind: z.literal("instructions"),
    version: z.union([z.literal(1), z.literal(2)]),
    dataset: word,
    configs: count,
    tagger: sha256.optional(),
  }),
  z.strictObject({ kind: z.literal("arithmetic"), digitsMax: z.int().min(1).max(7) }),
  ...(["jsonl", "parquet"] as const).map((kind) =>
    z.strictObject({
      kind: z.literal(kind),
      path: z.string().min(1),
      contextField: word.nullable(),
      referenceField: word,
    }),
  ),
  z.strictObject({ kind: z.literal("text-folder"), path: z.string().min(1) }),
]);

const generation = { newTokensMax: z.int().min(1).max(4096), repetitionPenalty: z.number().min(1).max(10) };

const method = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("text-loss"), promptTokens: count, newTokensMax: count }),
  z.strictObject({ kind: z.literal("reference-loss") }),
  z.strictObject({ kind: z.literal("response-loss") }),
  z.strictObject({ kind: z.literal("multiple-choice"), ...generation }),
  z.strictObject({ kind: z.literal("instruction-following"), ...generation }),
]);

const task = z.strictObject({
  name: word,
  weight: share,
  samples: z.int().min(1).max(100_000),
  source,
  method,
  normalization: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("none") }),
    z.strictObject({ kind: z.literal("inverse-exponential"), ceiling: positive }),
  ]),
});

const constraints = z.strictObject({
  parametersMin: natural,
  parametersMax: count,
  repositoryBytesMax: count,
  sequenceLengthMax: count,
  architectures: z.array(word).min(1),
  tokenizer: word.nullable(),
  tokenizerRevision: revision.optional(),
  dtype: z.enum(["float32", "float16", "bfloat16"]),
  norms: z.strictObject({ soft: positive, softFractionMax: share, hard: positive }),
});

const competition = z.strictObject({
  id: z.int().min(1).max(65_535),
  name: word,
  emissionShare: share,
  evaluationDelayBlocks: natural,
  constraints,
  epsilon,
  winRate: z.enum(["per-batch", "per-score"]),
  roundWeights: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("winner") }),
    z.strictObject({ kind: z.literal("softmax"), temperature: positive }),
  ]),
  movingAverage: z.strictObject({ alpha: z.number().min(0).lt(1), threshold: share }),
  rules: z.strictObject({
    ties: z.enum(["earliest", "shared"]),
    failedModels: z.enum(["unpaid", "weighted"]),
    duplicates: z.enum(["earliest", "each"]),
    failedTask: z.enum(["worst", "infinite"]),
    replacedHotkey: z.enum(["cleared", "inherited"]),
  }),
  tasks: z.array(task).min(1),
});

const schema: z.ZodType<CompetitionFile> = z
  .strictObject({
    $schema: z.string().optional(),
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "A name is up to 64 of a-z, 0-9 and hyphens."),
    description: z.string().max(2000),
    versionKey: natural,
    sync: z.strictObject({ genesisBlock: natural, cadenceBlocks: count, repeatableSeed: word.optional() }),
    queue: z.strictObject({
      keptModels: natural,
      updatedModelsMax: count,
      checkIntervalSeconds: positive,
      forcedRetryBlocks: natural,
      topMinerStakeTaoMin: z.number().min(0),
      topMinerShareMin: share,
    }),
    schedule: z
      .array(
        z.strictObject({
          fromBlock: natural,
          untilBlock: natural.optional(),
          competitions: z.array(competition).min(1),
        }),
      )
      .min(1),
  })
  .superRefine((file, context) => {
    for (const { path, message } of findContradictions(file)) context.addIssue({ code: "custom", path, message });
  });

interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What no single value shows: sums, orders, names used twice. */
function* findContradictions(file: CompetitionFile): Generator<Contradiction> {
  const names = new Map<number, string>();
  for (const [index, period] of file.schedule.entries()) {
    const path = ["schedule", index];
    yield* checkOrder(period, file.schedule[index + 1], path);
    const shares = period.competitions.map(({ emissionShare }) => emissionShare);
    if (!sumsToOne(shares))
      yield { path: [...path, "competitions"], message: `The emission shares sum to ${sum(shares)} instead of 1.` };
    const ids = new Set<number>();
    for (const [place, entry] of period.competitions.entries()) {
      const here = [...path, "competitions", place];
      if (ids.has(entry.id)) yield { path: [...here, "id"], message: `Competition ${entry.id} runs twice at a time.` };
      ids.add(entry.id);
      const name = names.get(entry.id) ?? entry.name;
      names.set(entry.id, name);
      if (name !== entry.name)
        yield { path: [...here, "name"], message: `Competition ${entry.id} is called ${name} in an earlier period.` };
      yield* checkCompetition(entry, here);
    }
  }
}

function* checkOrder(period: Period, next: Period | undefined, path: (string | number)[]): Generator<Contradiction> {
  const { fromBlock, untilBlock } = period;
  if (untilBlock !== undefined && untilBlock <= fromBlock)
    yield { path: [...path, "untilBlock"], message: `The period ends at ${untilBlock}, not after it begins.` };
  if (next === undefined) return;
  if (next.fromBlock <= fromBlock)
    yield { path: [...path, "fromBlock"], message: `The next period begins at ${next.fromBlock}, not after this one.` };
  else if (untilBlock !== undefined && untilBlock > next.fromBlock)
    yield {
      path: [...path, "untilBlock"],
      message: `The period overlaps the next, which begins at ${next.fromBlock}.`,
    };
}

function* checkCompetition({ constraints, tasks }: Competition, path: (string | number)[]): Generator<Contradiction> {
  if (constraints.parametersMin > constraints.parametersMax)
    yield {
      path: [...path, "constraints", "parametersMin"],
      message: "No model has this many and at most parametersMax.",
    };
  if (constraints.tokenizer === null && constraints.tokenizerRevision !== undefined)
    yield {
      path: [...path, "constraints", "tokenizerRevision"],
      message: "There is no tokenizer whose revision this could be.",
    };
  if (constraints.norms.soft > constraints.norms.hard)
    yield { path: [...path, "constraints", "norms", "soft"], message: "The soft limit is above the hard one." };
  const weights = tasks.map(({ weight }) => weight);
  if (!sumsToOne(weights))
    yield { path: [...path, "tasks"], message: `The tasks' weights sum to ${sum(weights)} instead of 1.` };
  const names = new Set<string>();
  for (const [index, { name, source }] of tasks.entries()) {
    if (names.has(name)) yield { path: [...path, "tasks", index, "name"], message: `Two tasks are called ${name}.` };
    names.add(name);
    const [least, most] =
      source.kind === "word-sorting"
        ? [source.wordsMin, source.wordsMax]
        : source.kind === "dyck"
          ? [source.pairsMin, source.pairsMax]
          : [0, 0];
    if (source.kind === "instructions" && source.version === 2 && source.tagger === undefined)
      yield {
        path: [...path, "tasks", index, "source"],
        message: "Version 2 draws keywords by a tagger: name its SHA-256 as `tagger`.",
      };
    if (least > most)
      yield { path: [...path, "tasks", index, "source"], message: `At least ${least} and at most ${most} is empty.` };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Shares such as 0.1 have no exact binary form, so sums are a few units of rounding away from 1. */
function sumsToOne(values: readonly number[]): boolean {
  return Math.abs(sum(values) - 1) < 1e-9;
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
}
