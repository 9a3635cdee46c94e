/** What a round asks: token ids and what is scored, once per round, task and tokenizer. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../base/canonical.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";
import { packIds, unpackIds } from "./token-ids.ts";

/** The engine's kinds of sample (`src/eval/sample.ts`), which this sibling must not import. */
export type SampleQuestion =
  | { readonly kind: "loss"; readonly ids: readonly number[]; readonly scoredFrom: number }
  | {
      readonly kind: "generation";
      readonly prompt: readonly number[];
      readonly newTokensMax: number;
      readonly repetitionPenalty: number;
      readonly endIds: readonly number[];
    };

export interface StoredSample {
  /** Consecutive samples with the same batch number make one loss. */
  readonly batch: number;
  readonly question: SampleQuestion;
  /** JSON: what the task compares the continuation with; absent when there is nothing. */
  readonly reference?: unknown;
}

export interface NewSampleSet {
  readonly roundId: number;
  readonly task: string;
  /** A digest or name that is equal only for equal tokenizers. */
  readonly tokenizer: string;
  readonly samples: readonly StoredSample[];
}

/** Stores a round's samples once: a set that is there already is returned as it is. */
export async function storeSamples(store: Store, set: NewSampleSet): Promise<Row<"sample_sets">> {
  const key = { round_id: set.roundId, task: set.task, tokenizer: set.tokenizer };
  return store.transaction(async (inner) => {
    const known = await findSampleSet(inner, set);
    if (known !== undefined) return known;
    const rows = set.samples.map(encode);
    const batches = set.samples.reduce((count, sample) => Math.max(count, sample.batch + 1), 0);
    const created = await inner.db
      .insertInto("sample_sets")
      .values({ ...key, digest: digestSamples(set.samples), batches })
      .returningAll()
      .executeTakeFirstOrThrow();
    const insert = inner.db
      .insertInto("samples")
      .values({ sample_set_id: created.id, position: 0, ...encode(emptySample) })
      .compile();
    await inner.bulk((bulk) =>
      bulk.runEach(
        insert,
        rows.map((row, position) => [
          created.id,
          position,
          row.batch,
          row.ids,
          row.scored_from,
          row.generation,
          row.reference,
        ]),
      ),
    );
    return created;
  });
}

const emptySample: StoredSample = { batch: 0, question: { kind: "loss", ids: [], scoredFrom: 0 } };

export async function findSampleSet(
  store: Store,
  { roundId, task, tokenizer }: Pick<NewSampleSet, "roundId" | "task" | "tokenizer">,
): Promise<Row<"sample_sets"> | undefined> {
  return store.db
    .selectFrom("sample_sets")
    .selectAll()
    .where("round_id", "=", roundId)
    .where("task", "=", task)
    .where("tokenizer", "=", tokenizer)
    .executeTakeFirst();
}

export async function listSampleSets(store: Store, roundId: number): Promise<Row<"sample_sets">[]> {
  return store.db
    .selectFrom("sample_sets")
    .selectAll()
    .where("round_id", "=", roundId)
    .orderBy("task")
    .orderBy("tokenizer")
    .execute();
}

export async function readSamples(store: Store, sampleSetId: number): Promise<StoredSample[]> {
  const rows = await store.db
    .selectFrom("samples")
    .selectAll()
    .where("sample_set_id", "=", sampleSetId)
    .orderBy("position")
    .execute();
  return rows.map(decode);
}

/**
 * A digest of samples, equal on two validators exactly when they ask the same: SHA-256 over a line of canonical JSON per
 * sample. Hex.
 */
export function digestSamples(samples: readonly StoredSample[]): string {
  const hash = createHash("sha256");
  for (const { batch, question, reference } of samples)
    hash.update(`${canonicalJson([batch, question, reference ?? null])}\n`);
  return hash.digest("hex");
}

/** The digest of a whole round: of its sets' tasks, tokenizers and digests. Hex. */
export function digestSampleSets(sets: readonly Pick<Row<"sample_sets">, "task" | "tokenizer" | "digest">[]): string {
  const lines = sets.map(({ task, tokenizer, digest }) => canonicalJson([task, tokenizer, digest])).sort();
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

type Encoded = Omit<Row<"samples">, "sample_set_id" | "position">;

function encode({ batch, question, reference }: StoredSample): Encoded {
  const answer = reference === undefined ? null : JSON.stringify(reference);
  if (question.kind === "loss")
    return {
      batch,
      ids: packIds(question.ids),
      scored_from: question.scoredFrom,
      generation: null,
      reference: answer,
    };
  const { newTokensMax, repetitionPenalty, endIds } = question;
  const generation = JSON.stringify({ newTokensMax, repetitionPenalty, endIds });
  return { batch, ids: packIds(question.prompt), scored_from: null, generation, reference: answer };
}

function decode(row: Row<"samples">): StoredSample {
  const ids = unpackIds(row.ids);
  const question: SampleQuestion =
    row.generation === null
      ? { kind: "loss", ids, scoredFrom: row.scored_from ?? 0 }
      : { kind: "generation", prompt: ids, ...JSON.parse(row.generation) };
  return {
    batch: row.batch,
    question,
    ...(row.reference === null ? {} : { reference: JSON.parse(row.reference) }),
  };
}
