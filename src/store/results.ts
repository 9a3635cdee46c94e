/** What a round concluded: standings, the scores behind them, and the weight vectors after it. */
import type { Block, Hotkey, Uid } from "../subnet.ts";
import type { RoundVerdictKind, Row, StandingOutcome } from "./schema.ts";
import type { Store } from "./store.ts";

/** A contender's result, as `judgeRound` of the rules gives it. */
export interface Standing {
  readonly uid: Uid;
  readonly rank: number;
  readonly outcome: StandingOutcome;
  readonly duplicateOf: Uid | null;
  readonly score: number;
  readonly epsilon: number;
  readonly wins: number;
  readonly matches: number;
  readonly winRate: number;
  readonly weight: number;
  readonly tasks: readonly TaskScore[];
}

export interface TaskScore {
  readonly task: string;
  readonly raw: number;
  readonly normalized: number;
  readonly weighted: number;
}

/** An entry of a weight vector; uids that are not listed have nothing. */
export interface VectorEntry {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly weight: number;
}

export interface RoundResults {
  readonly verdict: RoundVerdictKind;
  /** The block of the recorded metagraph that said who is registered. */
  readonly metagraphBlock: Block;
  readonly standings: readonly Standing[];
  /** The competition's moving averages after the round; null while it never had any. */
  readonly averages: readonly VectorEntry[] | null;
  /** The subnet's weights after the round, over all active competitions. */
  readonly subnetWeights: readonly VectorEntry[];
}

/** Runs inside the transaction that finishes the round. */
export async function storeResults(store: Store, roundId: number, results: RoundResults): Promise<void> {
  for (const standing of results.standings) {
    const { tasks, uid } = standing;
    await store.db
      .insertInto("standings")
      .values({
        round_id: roundId,
        uid,
        rank: standing.rank,
        outcome: standing.outcome,
        duplicate_of: standing.duplicateOf,
        score: standing.score,
        epsilon: standing.epsilon,
        wins: standing.wins,
        matches: standing.matches,
        win_rate: standing.winRate,
        weight: standing.weight,
      })
      .execute();
    for (const { task, raw, normalized, weighted } of tasks)
      await store.db
        .insertInto("task_scores")
        .values({ round_id: roundId, uid, task, raw, normalized, weighted })
        .execute();
  }
  for (const [table, vector] of [
    ["averages", results.averages ?? []],
    ["subnet_weights", results.subnetWeights],
  ] as const)
    for (const { uid, hotkey, weight } of vector)
      await store.db.insertInto(table).values({ round_id: roundId, uid, hotkey, weight }).execute();
}

export async function readStandings(store: Store, roundId: number): Promise<Row<"standings">[]> {
  return store.db.selectFrom("standings").selectAll().where("round_id", "=", roundId).orderBy("rank").execute();
}

export async function readTaskScores(store: Store, roundId: number): Promise<Row<"task_scores">[]> {
  return store.db.selectFrom("task_scores").selectAll().where("round_id", "=", roundId).orderBy("uid").execute();
}

export async function readVector(
  store: Store,
  table: "averages" | "subnet_weights",
  roundId: number,
): Promise<VectorEntry[]> {
  return store.db
    .selectFrom(table)
    .select(["uid", "hotkey", "weight"])
    .where("round_id", "=", roundId)
    .orderBy("uid")
    .execute();
}

/** The moving averages that a competition's last finished round left; null while it never had any. */
export async function latestAverages(
  store: Store,
  competitionId: number,
  beforeBlock: Block = Number.MAX_SAFE_INTEGER,
): Promise<VectorEntry[] | null> {
  const round = await store.db
    .selectFrom("rounds")
    .select(["id", "averages_count"])
    .where("competition_id", "=", competitionId)
    .where("state", "=", "finished")
    .where("sync_block", "<", beforeBlock)
    .orderBy("sync_block", "desc")
    .limit(1)
    .executeTakeFirst();
  return round === undefined || round.averages_count === null ? null : readVector(store, "averages", round.id);
}

export interface EvaluationRecord {
  readonly hotkey: Hotkey;
  readonly syncBlock: Block;
  /** The block of the commitment that was judged. */
  readonly commitmentBlock: Block | null;
  readonly score: number;
  readonly winningScore: number;
  /** The block of the winner's commitment. */
  readonly winningBlock: Block | null;
}

/** The last results of a hotkey in a competition, newest first: what the rule of retrying looks at. */
export async function readHistory(
  store: Store,
  { competitionId, hotkey, limit }: { readonly competitionId: number; readonly hotkey: Hotkey; readonly limit: number },
): Promise<EvaluationRecord[]> {
  return store.db
    .selectFrom("standings as own")
    .innerJoin("rounds", "rounds.id", "own.round_id")
    .innerJoin("contenders", (join) =>
      join.onRef("contenders.round_id", "=", "own.round_id").onRef("contenders.uid", "=", "own.uid"),
    )
    .leftJoin("commitments", "commitments.id", "contenders.commitment_id")
    .innerJoin("standings as best", (join) => join.onRef("best.round_id", "=", "own.round_id").on("best.rank", "=", 1))
    .innerJoin("contenders as winner", (join) =>
      join.onRef("winner.round_id", "=", "own.round_id").onRef("winner.uid", "=", "best.uid"),
    )
    .leftJoin("commitments as winning", "winning.id", "winner.commitment_id")
    .select([
      "contenders.hotkey",
      "rounds.sync_block as syncBlock",
      "commitments.block as commitmentBlock",
      "own.score",
      "best.score as winningScore",
      "winning.block as winningBlock",
    ])
    .where("contenders.hotkey", "=", hotkey)
    .where("rounds.competition_id", "=", competitionId)
    .where("rounds.state", "=", "finished")
    .orderBy("rounds.sync_block", "desc")
    .limit(limit)
    .execute();
}
