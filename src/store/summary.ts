/** What a page of results and a monitor ask for: short lists and figures, bounded in size. */
import { existsSync, statSync } from "node:fs";
import type { Block, Hotkey } from "../subnet.ts";
import { listRounds } from "./rounds.ts";
import type { RoundState, RoundVerdictKind } from "./schema.ts";
import type { Store } from "./store.ts";

export interface RoundSummary {
  readonly competitionId: number;
  /** The competition's, as it was in that round. */
  readonly name: string;
  readonly syncBlock: Block;
  readonly state: RoundState;
  readonly verdict: RoundVerdictKind | null;
  readonly reason: string | null;
  readonly startedAt: number;
  readonly finishedAt: number | null;
}

/** The newest rounds of all competitions, newest first. */
export async function readRoundSummaries(store: Store, limit: number): Promise<RoundSummary[]> {
  return store.db
    .selectFrom("rounds")
    .innerJoin("competitions", "competitions.digest", "rounds.competition_digest")
    .select([
      "rounds.competition_id as competitionId",
      "competitions.name",
      "rounds.sync_block as syncBlock",
      "rounds.state",
      "rounds.verdict",
      "rounds.reason",
      "rounds.started_at as startedAt",
      "rounds.finished_at as finishedAt",
    ])
    .orderBy("rounds.sync_block", "desc")
    .orderBy("rounds.id", "desc")
    .limit(limit)
    .execute();
}

/**
 * Changes whenever a round begins or ends, an event is recorded, or a submission gets another state. Cheap enough to be
 * asked every second: a row a round at most, and only the last few submissions, since only those are still under way.
 */
export async function readVersion(store: Store): Promise<string> {
  const { db } = store;
  const newest = (table: "rounds" | "events") =>
    db
      .selectFrom(table)
      .select(({ fn }) => fn.max("id").as("id"))
      .executeTakeFirstOrThrow();
  const closed = await db
    .selectFrom("rounds")
    .select(({ fn }) => fn.max("finished_at").as("at"))
    .executeTakeFirstOrThrow();
  const submissions = await db
    .selectFrom("submissions")
    .select(["id", "state"])
    .orderBy("id", "desc")
    .limit(8)
    .execute();
  const parts = [(await newest("rounds")).id, closed.at, (await newest("events")).id];
  return [...parts.map((part) => part ?? 0), ...submissions.map(({ id, state }) => `${id}${state}`)].join("-");
}

export interface ScoreCourse {
  /** Sync blocks of finished rounds, ascending. */
  readonly blocks: readonly Block[];
  /** The score of the first in rank, by round; null where nobody had a finite one. */
  readonly best: readonly (number | null)[];
  /** By hotkey, in the order asked for: the score by round, null where it had none or it is not finite. */
  readonly scores: readonly (readonly (number | null)[])[];
}

/** How the scores of some hotkeys went over the last finished rounds of a competition up to a block. */
export async function readScoreCourse(
  store: Store,
  options: {
    readonly competitionId: number;
    readonly toBlock: Block;
    readonly hotkeys: readonly Hotkey[];
    readonly roundsMax: number;
  },
): Promise<ScoreCourse> {
  const { competitionId, toBlock, hotkeys, roundsMax } = options;
  const rounds = (await listRounds(store, { competitionId, toBlock, state: "finished" })).slice(-roundsMax);
  const ids = rounds.map(({ id }) => id);
  const rows = await store.db
    .selectFrom("standings")
    .innerJoin("contenders", (join) =>
      join.onRef("contenders.round_id", "=", "standings.round_id").onRef("contenders.uid", "=", "standings.uid"),
    )
    .select(["standings.round_id", "standings.rank", "standings.score", "contenders.hotkey"])
    .where("standings.round_id", "in", ids)
    .where((where) => where.or([where("standings.rank", "=", 1), where("contenders.hotkey", "in", hotkeys)]))
    .execute();
  const byRound = Map.groupBy(rows, ({ round_id }) => round_id);
  const pick = (matches: (row: (typeof rows)[number]) => boolean) =>
    ids.map((id) => {
      const score = byRound.get(id)?.find(matches)?.score;
      return score !== undefined && Number.isFinite(score) ? score : null;
    });
  return {
    blocks: rounds.map(({ sync_block }) => sync_block),
    best: pick(({ rank }) => rank === 1),
    scores: hotkeys.map((hotkey) => pick((row) => row.hotkey === hotkey)),
  };
}

export interface CompetitionProgress {
  readonly competitionId: number;
  /** Of the last finished round; null before the first. */
  readonly finished: { readonly syncBlock: Block; readonly finishedAt: number } | null;
  /** Of the newest round, open or not: who contends, and how many losses are stored. */
  readonly contenders: number;
  readonly losses: number;
}

/** How far every competition is. */
export async function readProgress(store: Store): Promise<CompetitionProgress[]> {
  const { db } = store;
  const newest = await db
    .selectFrom("rounds")
    .select(({ fn }) => ["competition_id", fn.max("sync_block").as("sync_block")])
    .groupBy("competition_id")
    .orderBy("competition_id")
    .execute();
  const progress: CompetitionProgress[] = [];
  for (const { competition_id: competitionId, sync_block } of newest) {
    const ofCompetition = db.selectFrom("rounds").where("competition_id", "=", competitionId);
    const { id } = await ofCompetition.select("id").where("sync_block", "=", sync_block).executeTakeFirstOrThrow();
    const finished = await ofCompetition
      .select(["sync_block as syncBlock", "finished_at as finishedAt"])
      .where("state", "=", "finished")
      .orderBy("sync_block", "desc")
      .limit(1)
      .executeTakeFirst();
    const contenders = await db
      .selectFrom("contenders")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("round_id", "=", id)
      .where("state", "=", "contends")
      .executeTakeFirstOrThrow();
    const losses = await db
      .selectFrom("losses")
      .innerJoin("evaluations", "evaluations.id", "losses.evaluation_id")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("evaluations.round_id", "=", id)
      .executeTakeFirstOrThrow();
    progress.push({
      competitionId,
      finished: finished === undefined ? null : { syncBlock: finished.syncBlock, finishedAt: finished.finishedAt ?? 0 },
      contenders: contenders.count,
      losses: losses.count,
    });
  }
  return progress;
}

/** The state file and the log beside it. */
export function stateBytes({ path }: Pick<Store, "path">): number {
  const log = `${path}-wal`;
  return statSync(path).size + (existsSync(log) ? statSync(log).size : 0);
}
