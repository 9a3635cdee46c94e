/**
 * Who contends in a round. Every commitment of the competition ends as a row: it contends, it is refused (the miner's
 * fault, with the reason that the miner is shown), or it failed (ours or the network's, tried again next time).
 */
import { digestOf } from "../base/canonical.ts";
import { isInvalid } from "../base/invalid.ts";
import { readCommitment } from "../competition/commitment.ts";
import type { Competition } from "../competition/competition.ts";
import { keepBest, modelsInHandMax } from "../competition/queue.ts";
import { shouldRetry } from "../competition/retry.ts";
import { decideSync } from "../competition/sync.ts";
import { type CommitmentMeaning, recordCommitment } from "../store/commitments.ts";
import { recordContender } from "../store/contenders.ts";
import { latestAverages, readHistory, readStandings } from "../store/results.ts";
import { listRounds } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import type { Block, Commitment, Hotkey, Metagraph, Uid } from "../subnet.ts";
import type { ValidatorContext } from "./context.ts";
import { isForced, readTopMiners } from "./forced.ts";
import { type AdmittedModel, admitModel } from "./intake.ts";

export interface RoundContender {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly commitmentId: number;
  readonly modelBlock: Block;
  readonly model: AdmittedModel;
}

export interface AdmissionInput {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
  readonly metagraph: Metagraph;
  readonly commitments: readonly Commitment[];
}

/** A commitment that is to be looked at in this round. */
interface Candidate {
  readonly uid: Uid;
  readonly commitment: Commitment;
  readonly commitmentId: number;
  readonly repo: string;
  readonly revision: string;
  readonly secureHash: string;
  /** Contended before and does so again (among the best, may win now), or is paid by a large validator. */
  readonly always: boolean;
}

/** Decides about every commitment, downloads and checks what may contend, and returns those that do, by precedence. */
export async function admitContenders(context: ValidatorContext, input: AdmissionInput): Promise<RoundContender[]> {
  const { store, report } = context;
  const { round, competition } = input;
  const contenders: RoundContender[] = [];
  for (const candidate of await findCandidates(context, input)) {
    const { uid, commitment, commitmentId } = candidate;
    const base = { uid, hotkey: commitment.hotkey, commitmentId };
    const admitted = await admitModel(context, {
      ...candidate,
      hotkey: commitment.hotkey,
      competition,
      digest: digestOf(competition.constraints),
    });
    if (admitted.kind === "admitted") {
      await recordContender(store, round.id, { ...base, modelId: admitted.modelId, state: "contends" });
      report({ kind: "admitted", uid, repo: candidate.repo });
      contenders.push({ ...base, modelBlock: commitment.block, model: admitted });
    } else {
      const { modelId, reason, detail, kind: state } = admitted;
      await recordContender(store, round.id, { ...base, modelId, state, reason, detail });
      report({ kind: state, uid, reason, detail });
    }
  }
  return contenders;
}

/** The commitments that are due, the earliest first; faults that need no download are recorded on the way. */
async function findCandidates(context: ValidatorContext, input: AdmissionInput): Promise<Candidate[]> {
  const { store, chain, rules, report } = context;
  const { round, competition, metagraph, commitments } = input;
  const { forcedRetryBlocks } = rules.file.queue;
  const kept = await keptUids(context, input);
  const topMiners = await readTopMiners(chain, metagraph, rules.file.queue);
  const uids = new Map(metagraph.neurons.map(({ hotkey, uid }) => [hotkey, uid]));
  const candidates: Candidate[] = [];
  for (const commitment of commitments) {
    const { hotkey } = commitment;
    const uid = uids.get(hotkey);
    if (uid === undefined) continue; // A commitment outlives its hotkey's registration.
    const model = readCommitment(commitment.data);
    const commitmentId = await recordCommitment(store, commitment, meaningOf(model));
    if (!isInvalid(model) && model.competitionId !== competition.id) continue;
    const history = (await readHistory(store, { competitionId: competition.id, hotkey, limit: 3 }))
      .filter(({ commitmentBlock }) => commitmentBlock === commitment.block)
      .toReversed();
    const results = history.map(({ syncBlock, score, winningScore, winningBlock }) => ({
      block: syncBlock,
      score,
      winningModelScore: winningScore,
      winningModelBlock: winningBlock ?? syncBlock,
    }));
    const returning = results.length > 0;
    const block = round.sync_block;
    const forced = isForced({ uid, topMiners, kept, competition, results, block, forcedRetryBlocks });
    const force = forced || (returning && (kept.has(uid) || shouldRetry(results, competition.epsilon, block)));
    const trackedBlock = returning ? commitment.block : null;
    const decision = decideSync({
      file: rules.file,
      block,
      commitment: { model, block: commitment.block },
      trackedBlock,
      force,
    });
    if (decision.kind === "misconfigured") {
      const { reason, detail } = decision;
      await recordContender(store, round.id, { uid, hotkey, commitmentId, state: "refused", reason, detail });
      report({ kind: "refused", uid, reason, detail });
    }
    if (decision.kind === "download" && !isInvalid(model)) {
      const { namespace, name, revision, secureHash } = model;
      const always = returning || forced;
      candidates.push({ uid, commitment, commitmentId, repo: `${namespace}/${name}`, revision, secureHash, always });
    }
  }
  candidates.sort((a, b) => a.commitment.block - b.commitment.block || a.uid - b.uid);
  return limitNew(candidates, modelsInHandMax(rules.file.schedule.flatMap((period) => period.competitions).length));
}

/** Returning and forced models always contend; of the new ones as many as a round can take, the rest in a later one. */
function limitNew(candidates: readonly Candidate[], newMax: number): Candidate[] {
  let count = 0;
  return candidates.filter(({ always }) => always || count++ < newMax);
}

/** The best of the last round, by hotkey: whoever took over a uid since does not inherit its place. */
async function keptUids(
  { store, rules }: ValidatorContext,
  { competition, metagraph, round }: AdmissionInput,
): Promise<Set<Uid>> {
  const finished = await listRounds(store, {
    competitionId: competition.id,
    state: "finished",
    toBlock: round.sync_block - 1,
  });
  const last = finished.at(-1);
  if (last === undefined) return new Set();
  const averages = new Map(
    (await latestAverages(store, competition.id, round.sync_block))?.map(({ uid, weight }) => [uid, weight]),
  );
  const standings = (await readStandings(store, last.id)).filter(({ outcome }) => outcome === "scored");
  const models = standings.map(({ uid, win_rate }) => ({
    uid,
    averageWeight: averages.get(uid) ?? 0,
    winRate: win_rate,
  }));
  const registered = new Set(metagraph.neurons.map(({ uid }) => uid));
  return new Set(keepBest(models, rules.file.queue.keptModels).filter((uid) => registered.has(uid)));
}

function meaningOf(model: ReturnType<typeof readCommitment>): CommitmentMeaning {
  if ("kind" in model) return { kind: "unparsable", problem: model.reason };
  const { namespace, name, revision, secureHash, competitionId } = model;
  return { kind: "model", repo: `${namespace}/${name}`, revision, secureHash, competitionId };
}
