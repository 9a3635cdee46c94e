/** What a round concluded: standings, the scores behind them, and the weight vectors after it. */
import type { Block, Hotkey, Uid } from "../subnet.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";

export interface Standing {
  readonly uid: Uid;
  /** Lower is better; inf when the evaluation failed. */
  readonly score: number;
  readonly wins: number;
  readonly matches: number;
  readonly winRate: number;
  readonly roundWeight: number;
  /** 0 is the best. */
  readonly position: number;
  /** A rule that decided against it, by name (`duplicate-of-12`). */
  readonly note?: string;
  readonly tasks: readonly TaskScore[];
}

export interface TaskScore {
  readonly task: string;
  readonly raw: number;
  readonly normalised: number;
  readonly weighted: number;
}

/** An entry of a vector over all uids of the subnet. */
export interface VectorEntry {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly weight: number;
}

export interface RoundResults {
  /** The block that epsilon was computed at. */
  readonly judgedBlock: Block;
  readonly standings: readonly Standing[];
  /** The competition's moving average after the round: every uid, zero or not. */
  readonly averages: readonly VectorEntry[];
  /** The subnet's weights after the round, over all active competitions: every uid. */
  readonly subnetWeights: readonly VectorEntry[];
}

/** Runs inside the transaction that finishes the round. */
export async function storeResults(store: Store, roundId: number, results: RoundResults): Promise<void> {
  for (const standing of results.standings) {
    await store.db
      .insertInto("standings")
      .values({
        round_id: roundId,
        uid: standing.uid,
        score: standing.score,
        wins: standing.wins,
        matches: standing.matches,
        win_rate: standing.winRate,
        round_weight: standing.roundWeight,
        position: standing.position,
        note: standing.note ?? null,
      })
      .execute();
    for (const task of standing.tasks)
      await store.db
        .insertInto("task_scores")
        .values({ round_id: roundId, uid: standing.uid, ...task })
        .execute();
  }
  for (const [table, vector] of [
    ["averages", results.averages],
    ["subnet_weights", results.subnetWeights],
  ] as const) {
    if (vector.length === 0) continue;
    const query = store.db.insertInto(table).values({ round_id: roundId, uid: 0, hotkey: "", weight: 0 }).compile();
    await store.bulk((bulk) =>
      bulk.runEach(
        query,
        vector.map((entry) => [roundId, entry.uid, entry.hotkey, entry.weight]),
      ),
    );
  }
}

export async function readStandings(store: Store, roundId: number): Promise<Row<"standings">[]> {
  return store.db.selectFrom("standings").selectAll().where("round_id", "=", roundId).orderBy("position").execute();
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

/** The moving average that a competition's last finished round left, by uid; undefined before the first. */
export async function latestAverage(
  store: Store,
  competitionId: number,
): Promise<{ readonly roundId: number; readonly syncBlock: Block; readonly average: VectorEntry[] } | undefined> {
  const round = await store.db
    .selectFrom("rounds")
    .select(["id", "sync_block"])
    .where("competition_id", "=", competitionId)
    .where("state", "=", "finished")
    .orderBy("sync_block", "desc")
    .limit(1)
    .executeTakeFirst();
  if (round === undefined) return undefined;
  return { roundId: round.id, syncBlock: round.sync_block, average: await readVector(store, "averages", round.id) };
}

export interface EvaluationRecord {
  readonly hotkey: Hotkey;
  readonly judgedBlock: Block;
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
  const rows = await store.db
    .selectFrom("standings as own")
    .innerJoin("rounds", "rounds.id", "own.round_id")
    .innerJoin("contenders", (join) =>
      join.onRef("contenders.round_id", "=", "own.round_id").onRef("contenders.uid", "=", "own.uid"),
    )
    .leftJoin("commitments", "commitments.id", "contenders.commitment_id")
    .innerJoin("standings as best", (join) =>
      join.onRef("best.round_id", "=", "own.round_id").on("best.position", "=", 0),
    )
    .innerJoin("contenders as winner", (join) =>
      join.onRef("winner.round_id", "=", "own.round_id").onRef("winner.uid", "=", "best.uid"),
    )
    .leftJoin("commitments as winning", "winning.id", "winner.commitment_id")
    .select([
      "contenders.hotkey",
      "rounds.judged_block",
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
  return rows.map(({ judged_block, ...rest }) => ({ ...rest, judgedBlock: judged_block ?? 0 }));
}
