/**
 * From a weight back to the losses that it came from: what the chain weight is made of, which rivals the model met in its
 * last round, on which batches it won and lost under which ε, and what losses would have been enough.
 */
import type { Competition } from "../competition/competition.ts";
import { judgeRound, type RoundModel, type Standing } from "../competition/round.ts";
import { competitionAt } from "../competition/schedule.ts";
import { readContenders } from "../store/contenders.ts";
import { latestAverages, readStandings, readVector } from "../store/results.ts";
import { readRoundInput } from "../store/round-input.ts";
import { listRounds } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { readSubmissionWeights, submissionAfter } from "../store/submissions.ts";
import type { Block, Hotkey, Uid } from "../subnet.ts";
import { type Needed, neededToWin } from "./needed.ts";
import { type Rivalry, rivalriesOf } from "./rivals.ts";
import { storedRules } from "./stored-rules.ts";

export interface Explanation {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly repo: string | null;
  readonly revision: string | null;
  readonly modelBlock: Block | null;
  readonly competition: { readonly id: number; readonly name: string; readonly emissionShare: number };
  readonly syncBlock: Block;
  /** Why it did not contend; null when it did. */
  readonly refusal: { readonly state: string; readonly reason: string; readonly detail: string } | null;
  readonly weight: WeightParts;
  /** Null when it did not contend, or when the round's losses are pruned. */
  readonly standing: Standing | null;
  /** Why tasks failed, by task. */
  readonly failures: Readonly<Record<string, string>>;
  readonly winner: Uid | null;
  readonly rivals: readonly Rivalry[];
  readonly needed: Needed | null;
}

/** What the weight on the chain is made of, from the submission down. */
export interface WeightParts {
  /** The u16 of the submission after the round, and what became of it. */
  readonly submitted: { readonly value: number; readonly block: Block; readonly state: string } | null;
  /** A part of the whole subnet's weights after the round. */
  readonly subnet: number;
  readonly average: number;
  /** Of all averages of the competition. */
  readonly averagePart: number;
  readonly threshold: number;
  readonly alpha: number;
  /** The average before the round; null when the competition had none. */
  readonly averageBefore: number | null;
  readonly round: number;
}

export interface ExplainOptions {
  readonly uid: Uid;
  /** The sync block of the round; default: the last in which the uid was looked at. */
  readonly block?: Block | undefined;
  readonly competitionId?: number | undefined;
  /** Resample the batches to say how sure each comparison is. */
  readonly withConfidence: boolean;
}

/** Explains a uid's last round, or undefined when it was never looked at. */
export async function explain(store: Store, options: ExplainOptions): Promise<Explanation | undefined> {
  return store.transaction(async (snapshot) => {
    const found = await findPart(snapshot, options);
    if (found === undefined) return undefined;
    const { round, contender } = found;
    const file = await storedRules(snapshot)(round.rule_set_digest);
    const competition = competitionAt(file, round.sync_block, round.competition_id)!;
    const input = await readRoundInput(snapshot, round, round.metagraph_block ?? round.sync_block);
    const previousAverages = await latestAverages(snapshot, competition.id, round.sync_block);
    const judge = (models: readonly RoundModel[]) => judgeRound({ ...input, models, competition, previousAverages });
    const verdict = round.pruned_at === null ? judge(input.models) : undefined;
    const standing = verdict?.standings.find(({ uid }) => uid === options.uid);
    const model = input.models.find(({ uid }) => uid === options.uid);
    const contends = contender.state === "contends";
    return {
      uid: contender.uid,
      hotkey: contender.hotkey,
      repo: contender.repo,
      revision: contender.revision,
      modelBlock: contender.block,
      competition: { id: competition.id, name: competition.name, emissionShare: competition.emissionShare },
      syncBlock: round.sync_block,
      refusal: contends
        ? null
        : { state: contender.state, reason: contender.reason ?? "unknown", detail: contender.detail ?? "" },
      weight: await weightParts(snapshot, { round, competition, previousAverages, uid: options.uid }),
      standing: standing ?? null,
      failures: model === undefined ? {} : failuresOf(model),
      winner: verdict?.standings.find(({ rank, weight }) => rank === 1 && weight > 0)?.uid ?? null,
      rivals:
        model === undefined || standing === undefined || verdict === undefined
          ? []
          : rivalriesOf({
              model,
              verdict,
              input,
              competition,
              seed: options.withConfidence ? BigInt(round.seed) : null,
            }),
      needed: standing === undefined || model === undefined ? null : neededToWin(input, model, judge),
    };
  });
}

async function findPart(store: Store, { uid, block, competitionId }: ExplainOptions) {
  const rounds = (
    await listRounds(store, { state: "finished", ...(competitionId === undefined ? {} : { competitionId }) })
  )
    .filter((round) => block === undefined || round.sync_block === block)
    .reverse();
  for (const round of rounds) {
    const contender = (await readContenders(store, round.id)).find((row) => row.uid === uid);
    if (contender !== undefined) return { round, contender };
  }
  return undefined;
}

interface Place {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
  readonly previousAverages: readonly { readonly uid: Uid; readonly weight: number }[] | null;
  readonly uid: Uid;
}

async function weightParts(store: Store, { round, competition, previousAverages, uid }: Place): Promise<WeightParts> {
  const of = (vector: readonly { readonly uid: Uid; readonly weight: number }[]) =>
    vector.find((entry) => entry.uid === uid)?.weight ?? 0;
  const averages = await readVector(store, "averages", round.id);
  const total = averages.reduce((sum, { weight }) => sum + weight, 0);
  const submission = await submissionAfter(store, round.id);
  const submitted =
    submission === undefined
      ? undefined
      : (await readSubmissionWeights(store, submission.id)).find((row) => row.uid === uid);
  return {
    submitted:
      submission === undefined
        ? null
        : { value: submitted?.value ?? 0, block: submission.block, state: submission.state },
    subnet: of(await readVector(store, "subnet_weights", round.id)),
    average: of(averages),
    averagePart: total === 0 ? 0 : of(averages) / total,
    threshold: competition.movingAverage.threshold,
    alpha: competition.movingAverage.alpha,
    averageBefore: previousAverages === null ? null : of(previousAverages),
    round: of(await readStandings(store, round.id)),
  };
}

function failuresOf(model: RoundModel): Record<string, string> {
  const failures: Record<string, string> = {};
  for (const [task, result] of Object.entries(model.perTask))
    if (result.kind === "failure") failures[task] = result.reason;
  return failures;
}
