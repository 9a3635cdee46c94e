/**
 * What a round is judged by, read from its rows: the validator judges by it, and so does whoever replays the round, so
 * that the two cannot differ. The result is what `judgeRound` of the rules takes, apart from the competition itself and
 * the averages before the round.
 */
import { assert } from "../base/assert.ts";
import type { Block, Hotkey, Uid } from "../subnet.ts";
import { readContenders } from "./contenders.ts";
import { readEvaluations } from "./evaluations.ts";
import { readLossesOf } from "./losses.ts";
import { registeredAt } from "./neurons.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";

export type StoredResult =
  | { readonly kind: "losses"; readonly losses: Float64Array }
  | { readonly kind: "failure"; readonly reason: string };

export interface StoredModel {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly modelBlock: Block;
  readonly parameterHash: string | undefined;
  /** By task; a task without an evaluation is absent. */
  readonly perTask: Readonly<Record<string, StoredResult>>;
}

export interface StoredRoundInput {
  readonly block: Block;
  /** The tasks that have samples. */
  readonly loadedTasks: readonly string[];
  /** By uid. */
  readonly models: readonly StoredModel[];
  readonly registered: ReadonlyMap<Uid, Hotkey>;
}

/**
 * Reads a round's input. Evaluations that are still open count as absent.
 * @param metagraphBlock the block of a recorded metagraph: who is registered
 */
export async function readRoundInput(
  store: Store,
  round: Pick<Row<"rounds">, "id" | "sync_block">,
  metagraphBlock: Block,
): Promise<StoredRoundInput> {
  const contenders = (await readContenders(store, round.id)).filter(({ state }) => state === "contends");
  const evaluations = (await readEvaluations(store, round.id)).filter(({ state }) => state !== "open");
  const scored = evaluations.filter(({ state }) => state === "scored").map(({ id }) => id);
  const losses = await readLossesOf(store, scored);
  const results = new Map<number, Record<string, StoredResult>>();
  for (const { id, model_id, task, state, reason } of evaluations) {
    const ofModel = results.get(model_id) ?? {};
    ofModel[task] =
      state === "scored"
        ? { kind: "losses", losses: losses.get(id) ?? new Float64Array(0) }
        : { kind: "failure", reason: reason ?? "unknown" };
    results.set(model_id, ofModel);
  }
  const tasks = await store.db
    .selectFrom("sample_sets")
    .select("task")
    .distinct()
    .where("round_id", "=", round.id)
    .orderBy("task")
    .execute();
  return {
    block: round.sync_block,
    loadedTasks: tasks.map(({ task }) => task),
    models: contenders.map(({ uid, hotkey, block, model_id, parameter_hash }) => {
      assert(block !== null && model_id !== null, `contender ${uid} of round ${round.id} has a commitment and a model`);
      return {
        uid,
        hotkey,
        modelBlock: block,
        parameterHash: parameter_hash ?? undefined,
        perTask: results.get(model_id) ?? {},
      };
    }),
    registered: await registeredAt(store, metagraphBlock),
  };
}
