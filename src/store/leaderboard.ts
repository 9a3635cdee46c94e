/** Where everybody stands after the last finished round of each competition, and how it came to be round by round. */
import type { Block, Hotkey, Uid } from "../subnet.ts";
import { readContenders } from "./contenders.ts";
import { readStandings, readTaskScores, readVector, type VectorEntry } from "./results.ts";
import { findRound, listRounds } from "./rounds.ts";
import type { ContenderState, Row, StandingOutcome } from "./schema.ts";
import type { Store } from "./store.ts";

export interface LeaderboardRow {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly repo: string | null;
  readonly revision: string | null;
  readonly modelBlock: Block | null;
  readonly rank: number;
  readonly outcome: StandingOutcome;
  readonly duplicateOf: Uid | null;
  readonly score: number;
  /** The raw score of each task. */
  readonly tasks: Readonly<Record<string, number>>;
  readonly wins: number;
  readonly matches: number;
  readonly winRate: number;
  readonly roundWeight: number;
  /** The competition's moving average. */
  readonly average: number;
  /** Its part of the subnet's weights, as `readLeaderboards` (newest) or `readLeaderboard` (of that round) says. */
  readonly subnetWeight: number;
  /** As the chain last showed it. */
  readonly incentive: number | null;
}

/** Who was looked at in the round but did not contend. */
export interface RefusedRow {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly repo: string | null;
  readonly state: ContenderState;
  readonly reason: string | null;
  readonly detail: string | null;
}

export interface Leaderboard {
  readonly competitionId: number;
  readonly name: string;
  readonly syncBlock: Block;
  readonly finishedAt: number | null;
  /** By rank. */
  readonly rows: readonly LeaderboardRow[];
  readonly refused: readonly RefusedRow[];
}

/** The leaderboards of all competitions that have a finished round, by id, or of one. */
export async function readLeaderboards(store: Store, competitionId?: number): Promise<Leaderboard[]> {
  const rounds = await listRounds(store, { state: "finished" });
  const newest = rounds.reduce<Row<"rounds"> | undefined>(
    (best, row) => (best && best.id > row.id ? best : row),
    undefined,
  );
  if (newest === undefined) return [];
  const weightOf = weightsByHolder(await readVector(store, "subnet_weights", newest.id));
  const last = new Map(rounds.map((round) => [round.competition_id, round]));
  const boards: Leaderboard[] = [];
  for (const round of [...last.values()].sort((a, b) => a.competition_id - b.competition_id))
    if (competitionId === undefined || round.competition_id === competitionId)
      boards.push(await readBoard(store, round, weightOf));
  return boards;
}

/** The leaderboard of one finished round; undefined when there is none such. Its subnet weights are those after it. */
export async function readLeaderboard(
  store: Store,
  { competitionId, syncBlock }: { readonly competitionId: number; readonly syncBlock: Block },
): Promise<Leaderboard | undefined> {
  const round = await findRound(store, { competitionId, syncBlock });
  if (round?.state !== "finished") return undefined;
  return await readBoard(store, round, weightsByHolder(await readVector(store, "subnet_weights", round.id)));
}

function weightsByHolder(vector: readonly VectorEntry[]): ReadonlyMap<string, number> {
  return new Map(vector.map(({ uid, hotkey, weight }) => [`${uid} ${hotkey}`, weight]));
}

async function readBoard(
  store: Store,
  round: Row<"rounds">,
  weightOf: ReadonlyMap<string, number>,
): Promise<Leaderboard> {
  const { name } = await store.db
    .selectFrom("competitions")
    .select("name")
    .where("digest", "=", round.competition_digest)
    .executeTakeFirstOrThrow();
  const contenders = await readContenders(store, round.id);
  const contenderOf = new Map(contenders.map((contender) => [contender.uid, contender]));
  const averages = new Map((await readVector(store, "averages", round.id)).map((entry) => [entry.uid, entry.weight]));
  const scores = Map.groupBy(await readTaskScores(store, round.id), ({ uid }) => uid);
  const neurons = await store.db.selectFrom("neurons").select(["uid", "hotkey", "incentive"]).orderBy("id").execute();
  const incentives = new Map(neurons.map(({ uid, hotkey, incentive }) => [`${uid} ${hotkey}`, incentive]));
  const rows = (await readStandings(store, round.id)).map((standing): LeaderboardRow => {
    const { uid } = standing;
    const contender = contenderOf.get(uid);
    const hotkey = contender?.hotkey ?? "";
    return {
      uid,
      hotkey,
      repo: contender?.repo ?? null,
      revision: contender?.revision ?? null,
      modelBlock: contender?.block ?? null,
      rank: standing.rank,
      outcome: standing.outcome,
      duplicateOf: standing.duplicate_of,
      score: standing.score,
      tasks: Object.fromEntries((scores.get(uid) ?? []).map(({ task, raw }) => [task, raw])),
      wins: standing.wins,
      matches: standing.matches,
      winRate: standing.win_rate,
      roundWeight: standing.weight,
      average: averages.get(uid) ?? 0,
      subnetWeight: weightOf.get(`${uid} ${hotkey}`) ?? 0,
      incentive: incentives.get(`${uid} ${hotkey}`) ?? null,
    };
  });
  const refused = contenders
    .filter(({ state }) => state !== "contends")
    .map(({ uid, hotkey, repo, state, reason, detail }) => ({ uid, hotkey, repo, state, reason, detail }));
  const { competition_id: competitionId, sync_block: syncBlock, finished_at: finishedAt } = round;
  return { competitionId, name, syncBlock, finishedAt, rows, refused };
}

/** One round of a uid. What it did not reach is null. */
export interface HistoryRow {
  readonly syncBlock: Block;
  readonly competitionId: number;
  readonly hotkey: Hotkey;
  readonly repo: string | null;
  readonly revision: string | null;
  readonly state: ContenderState;
  readonly reason: string | null;
  readonly rank: number | null;
  readonly outcome: StandingOutcome | null;
  readonly score: number | null;
  readonly winRate: number | null;
  readonly roundWeight: number | null;
  readonly average: number | null;
  readonly subnetWeight: number | null;
}

/** The rounds in which a uid was looked at, newest first. */
export async function readUidHistory(store: Store, uid: Uid, limit: number): Promise<HistoryRow[]> {
  return store.db
    .selectFrom("contenders")
    .innerJoin("rounds", "rounds.id", "contenders.round_id")
    .leftJoin("models", "models.id", "contenders.model_id")
    .leftJoin("standings", (join) =>
      join.onRef("standings.round_id", "=", "rounds.id").onRef("standings.uid", "=", "contenders.uid"),
    )
    .leftJoin("averages", (join) =>
      join.onRef("averages.round_id", "=", "rounds.id").onRef("averages.uid", "=", "contenders.uid"),
    )
    .leftJoin("subnet_weights", (join) =>
      join.onRef("subnet_weights.round_id", "=", "rounds.id").onRef("subnet_weights.uid", "=", "contenders.uid"),
    )
    .select([
      "rounds.sync_block as syncBlock",
      "rounds.competition_id as competitionId",
      "contenders.hotkey",
      "models.repo",
      "models.revision",
      "contenders.state",
      "contenders.reason",
      "standings.rank",
      "standings.outcome",
      "standings.score",
      "standings.win_rate as winRate",
      "standings.weight as roundWeight",
      "averages.weight as average",
      "subnet_weights.weight as subnetWeight",
    ])
    .where("contenders.uid", "=", uid)
    .orderBy("rounds.sync_block", "desc")
    .orderBy("rounds.id", "desc")
    .limit(limit)
    .execute();
}
