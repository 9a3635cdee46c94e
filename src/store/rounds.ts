/** Rounds: one evaluation of a competition at a sync block, from its first row to its results. */
import { assert } from "../base/assert.ts";
import type { Block, BlockHash } from "../subnet.ts";
import { forgetTexts } from "./draws.ts";
import { type RoundResults, storeResults } from "./results.ts";
import type { RoundState, Row } from "./schema.ts";
import type { Store } from "./store.ts";

export interface NewRound {
  readonly competitionId: number;
  /** Both of `storeRules`. */
  readonly competitionDigest: string;
  readonly ruleSetDigest: string;
  readonly syncBlock: Block;
  readonly syncBlockHash: BlockHash;
  readonly seed: bigint;
}

/** Begins the round of a competition at a sync block, or returns the one that was begun: there is never a second. */
export async function startRound(store: Store, round: NewRound): Promise<Row<"rounds">> {
  await store.db
    .insertInto("rounds")
    .values({
      competition_id: round.competitionId,
      competition_digest: round.competitionDigest,
      rule_set_digest: round.ruleSetDigest,
      sync_block: round.syncBlock,
      sync_block_hash: round.syncBlockHash,
      seed: round.seed.toString(),
      state: "open",
      started_at: Date.now(),
    })
    .onConflict((conflict) => conflict.columns(["competition_id", "sync_block"]).doNothing())
    .execute();
  return store.db
    .selectFrom("rounds")
    .selectAll()
    .where("competition_id", "=", round.competitionId)
    .where("sync_block", "=", round.syncBlock)
    .executeTakeFirstOrThrow();
}

/** The oldest round that was begun and neither finished nor abandoned: what a restarted validator goes on with. */
export async function findOpenRound(store: Store): Promise<Row<"rounds"> | undefined> {
  return store.db
    .selectFrom("rounds")
    .selectAll()
    .where("state", "=", "open")
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
}

export async function findRound(
  store: Store,
  { competitionId, syncBlock }: { readonly competitionId: number; readonly syncBlock: Block },
): Promise<Row<"rounds"> | undefined> {
  return store.db
    .selectFrom("rounds")
    .selectAll()
    .where("competition_id", "=", competitionId)
    .where("sync_block", "=", syncBlock)
    .executeTakeFirst();
}

/** The commit of the competition's tokenizer that the round measures with: a round that goes on takes the same one. */
export async function setTokenizerRevision(store: Store, roundId: number, revision: string): Promise<void> {
  await store.db.updateTable("rounds").set({ tokenizer_revision: revision }).where("id", "=", roundId).execute();
}

/** What all sample sets of the round add up to: the digest by which two validators compare. */
export async function setSampleDigest(store: Store, roundId: number, digest: string): Promise<void> {
  await store.db.updateTable("rounds").set({ sample_digest: digest }).where("id", "=", roundId).execute();
}

/** Stores a round's results and closes it, in one transaction: a round is finished with all its results or open. */
export async function finishRound(store: Store, roundId: number, results: RoundResults): Promise<void> {
  await store.transaction(async (inner) => {
    await storeResults(inner, roundId, results);
    await close(inner, roundId, "finished", {
      verdict: results.verdict,
      metagraph_block: results.metagraphBlock,
      averages_count: results.averages?.length ?? null,
    });
  });
}

/** Closes a round that cannot have results, with the reason. What was measured in it is kept. */
export async function abandonRound(store: Store, roundId: number, reason: string): Promise<void> {
  await store.transaction((inner) => close(inner, roundId, "abandoned", { reason }));
}

/** Runs inside the transaction that closes the round. */
async function close(store: Store, roundId: number, state: RoundState, more: Partial<Row<"rounds">>): Promise<void> {
  const { numUpdatedRows } = await store.db
    .updateTable("rounds")
    .set({ state, finished_at: Date.now(), ...more })
    .where("id", "=", roundId)
    .where("state", "=", "open")
    .executeTakeFirst();
  assert(numUpdatedRows === 1n, `round ${roundId} is closed once`);
  await forgetTexts(store, roundId);
}

export interface RoundFilter {
  readonly competitionId?: number;
  readonly state?: RoundState;
  /** Sync blocks, both included. */
  readonly fromBlock?: Block;
  readonly toBlock?: Block;
}

/** Rounds in the order of their sync blocks. */
export async function listRounds(store: Store, filter: RoundFilter = {}): Promise<Row<"rounds">[]> {
  let query = store.db.selectFrom("rounds").selectAll().orderBy("sync_block").orderBy("id");
  if (filter.competitionId !== undefined) query = query.where("competition_id", "=", filter.competitionId);
  if (filter.state !== undefined) query = query.where("state", "=", filter.state);
  if (filter.fromBlock !== undefined) query = query.where("sync_block", ">=", filter.fromBlock);
  if (filter.toBlock !== undefined) query = query.where("sync_block", "<=", filter.toBlock);
  return query.execute();
}
