/** Whether a replay gives what was stored, number by number and bit by bit, and if not, exactly where. */
import type { Share } from "../competition/moving-average.ts";
import { readStandings, readTaskScores, readVector } from "../store/results.ts";
import type { Store } from "../store/store.ts";
import type { ReplayedRound } from "./replay.ts";

export interface Difference {
  readonly competitionId: number;
  readonly syncBlock: number;
  /** Such as `uid 7: win rate`. */
  readonly what: string;
  /** As stored and as replayed; null where one side has no such row. */
  readonly stored: string | number | null;
  readonly replayed: string | number | null;
}

/** Compares a round with what its first variant gives. Empty: every number is the same to the last bit. */
export async function differencesOf(store: Store, { round, judged }: ReplayedRound): Promise<Difference[]> {
  const [now] = judged;
  const standings = now?.verdict?.standings ?? [];
  const then: Cells = new Map();
  const replayed: Cells = new Map();
  then.set("verdict", round.verdict);
  replayed.set("verdict", now?.verdict?.kind ?? null);
  for (const row of await readStandings(store, round.id)) {
    const { round_id, uid, win_rate, duplicate_of, ...rest } = row;
    put(then, uid, { ...rest, "win rate": win_rate, "duplicate of": duplicate_of });
  }
  for (const { uid, rank, outcome, duplicateOf, score, epsilon, wins, matches, winRate, weight } of standings)
    put(replayed, uid, {
      rank,
      outcome,
      score,
      epsilon,
      wins,
      matches,
      weight,
      "win rate": winRate,
      "duplicate of": duplicateOf,
    });
  for (const { uid, task, raw, normalized, weighted } of await readTaskScores(store, round.id))
    put(then, uid, named(task, { raw, normalized, weighted }));
  for (const { uid, tasks } of standings)
    for (const { task, raw, normalized, weighted } of tasks)
      put(replayed, uid, named(task, { raw, normalized, weighted }));
  putVector(then, "average", await readVector(store, "averages", round.id));
  putVector(replayed, "average", now?.averages ?? []);
  putVector(then, "subnet weight", await readVector(store, "subnet_weights", round.id));
  putVector(replayed, "subnet weight", now?.subnetWeights ?? []);
  const place = { competitionId: round.competition_id, syncBlock: round.sync_block };
  return [...new Set([...then.keys(), ...replayed.keys()])]
    .map((what) => ({ ...place, what, stored: then.get(what) ?? null, replayed: replayed.get(what) ?? null }))
    .filter(({ stored, replayed }) => stored !== replayed);
}

type Cells = Map<string, string | number | null>;

function put(cells: Cells, uid: number, values: Readonly<Record<string, string | number | null>>): void {
  for (const [name, value] of Object.entries(values)) cells.set(`uid ${uid}: ${name}`, value);
}

function named(task: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${task} ${name}`, value]));
}

function putVector(cells: Cells, name: string, vector: readonly Share[]): void {
  for (const { uid, hotkey, weight } of vector) put(cells, uid, { [name]: weight, [`${name}'s hotkey`]: hotkey });
}

/** A difference as a sentence. */
export function sentenceOf({ competitionId, syncBlock, what, stored, replayed }: Difference): string {
  return `competition ${competitionId}, block ${syncBlock}, ${what}: stored ${stored ?? "nothing"}, replayed ${replayed ?? "nothing"}`;
}
