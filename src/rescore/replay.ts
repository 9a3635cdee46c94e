/**
 * Replays stored rounds: everything after "store each loss", from the rows alone, under the stored rules or others. No
 * chain, hub, model or GPU; one round's losses in memory at a time, for all variants at once.
 */
import { InterruptedError } from "../base/errors.ts";
import type { Competition, CompetitionFile } from "../competition/competition.ts";
import { type Share, subnetWeights } from "../competition/moving-average.ts";
import { judgeRound, type RoundVerdict } from "../competition/round.ts";
import { competitionAt, competitionsAt } from "../competition/schedule.ts";
import { readVector } from "../store/results.ts";
import { readRoundInput, type StoredRoundInput } from "../store/round-input.ts";
import { listRounds } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Block, Uid } from "../subnet.ts";
import { storedRules } from "./stored-rules.ts";

/** Another way to judge. */
export interface Variant {
  /** Such as `epsilon.start=0.03`; `as stored` for no change. */
  readonly name: string;
  /** The rules to use instead of those that a round was judged by. */
  readonly rules: (stored: CompetitionFile) => CompetitionFile;
  readonly excludedUids: ReadonlySet<Uid>;
}

export interface Selection {
  readonly competitionId?: number | undefined;
  /** Sync blocks, both included. */
  readonly fromBlock?: Block | undefined;
  readonly toBlock?: Block | undefined;
}

/** What a variant makes of a round. */
export interface Judged {
  readonly variant: Variant;
  /** The competition as the variant has it at that block; undefined when it does not run it then, so that nobody is judged. */
  readonly competition: Competition | undefined;
  readonly verdict: RoundVerdict | undefined;
  readonly averages: readonly Share[] | null;
  readonly subnetWeights: readonly Share[];
}

export interface ReplayedRound {
  readonly round: Row<"rounds">;
  readonly input: StoredRoundInput;
  /** In the order of the variants. */
  readonly judged: readonly Judged[];
}

export interface ReplayCount {
  readonly rounds: number;
  readonly losses: number;
  /** Finished rounds in the selection whose losses were pruned. */
  readonly pruned: number;
}

/**
 * Replays the finished rounds of a selection in the order in which they were finished, as of one moment of the file.
 * Rounds outside it are taken as stored: their averages are what the next one grows out of. `visit` reads through the
 * snapshot that it is given: `store` itself waits until the replay is over.
 */
export async function replay(
  store: Store,
  options: { readonly variants: readonly Variant[]; readonly selection?: Selection; readonly signal?: AbortSignal },
  visit: (round: ReplayedRound, snapshot: Store) => void | Promise<void>,
): Promise<ReplayCount> {
  return store.transaction(async (snapshot) => {
    const rounds = (await listRounds(snapshot, { state: "finished" })).sort((a, b) => a.id - b.id);
    const rules = storedRules(snapshot);
    const histories = options.variants.map(() => new Map<number, readonly Share[] | null>());
    const asStored = new Map<number, Row<"rounds">>();
    const count = { rounds: 0, losses: 0, pruned: 0 };
    for (const round of rounds) {
      if (options.signal?.aborted) throw new InterruptedError();
      const selected = isSelected(round, options.selection ?? {});
      if (!selected || round.pruned_at !== null) {
        if (selected) count.pruned += 1;
        asStored.set(round.competition_id, round);
        continue;
      }
      await adopt(snapshot, asStored, histories, options.variants);
      const input = await readRoundInput(snapshot, round, round.metagraph_block ?? round.sync_block);
      const stored = await rules(round.rule_set_digest);
      const judged = options.variants.map((variant, index) => judge(round, input, stored, variant, histories[index]!));
      count.rounds += 1;
      count.losses += countLosses(input);
      await visit({ round, input, judged }, snapshot);
    }
    return count;
  });
}

function isSelected(round: Row<"rounds">, { competitionId, fromBlock, toBlock }: Selection): boolean {
  return (
    (competitionId === undefined || round.competition_id === competitionId) &&
    round.sync_block >= (fromBlock ?? Number.NEGATIVE_INFINITY) &&
    round.sync_block <= (toBlock ?? Number.POSITIVE_INFINITY)
  );
}

/** Takes over the averages that rounds outside the selection left. */
async function adopt(
  store: Store,
  asStored: Map<number, Row<"rounds">>,
  histories: readonly Map<number, readonly Share[] | null>[],
  variants: readonly Variant[],
): Promise<void> {
  for (const [competitionId, round] of asStored) {
    const averages = round.averages_count === null ? null : await readVector(store, "averages", round.id);
    for (const [index, { excludedUids }] of variants.entries())
      histories[index]!.set(competitionId, averages?.filter(({ uid }) => !excludedUids.has(uid)) ?? null);
  }
  asStored.clear();
}

function judge(
  round: Row<"rounds">,
  input: StoredRoundInput,
  stored: CompetitionFile,
  variant: Variant,
  history: Map<number, readonly Share[] | null>,
): Judged {
  const file = variant.rules(stored);
  const competition = competitionAt(file, round.sync_block, round.competition_id);
  const previousAverages = history.get(round.competition_id) ?? null;
  const models = input.models.filter(({ uid }) => !variant.excludedUids.has(uid));
  const verdict =
    competition === undefined ? undefined : judgeRound({ ...input, models, competition, previousAverages });
  const averages = verdict === undefined ? previousAverages : verdict.averages;
  history.set(round.competition_id, averages);
  const running = competitionsAt(file, round.sync_block).map((entry) => ({
    competition: entry,
    averages: history.get(entry.id) ?? [],
  }));
  return { variant, competition, verdict, averages, subnetWeights: subnetWeights(running, input.registered) };
}

function countLosses(input: StoredRoundInput): number {
  let losses = 0;
  for (const { perTask } of input.models)
    for (const result of Object.values(perTask)) losses += result.kind === "losses" ? result.losses.length : 0;
  return losses;
}
