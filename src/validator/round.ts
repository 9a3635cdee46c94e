/**
 * One round, from its row to its results. Each step stores what it found, and finds what an earlier process stored: a
 * round is run again from its start after any interruption, and only what is missing is done.
 */
import { FailureError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import type { Competition, CompetitionFile } from "../competition/competition.ts";
import { subnetWeights } from "../competition/moving-average.ts";
import { judgeRound } from "../competition/round.ts";
import { competitionsAt } from "../competition/schedule.ts";
import { hasDrawn } from "../store/draws.ts";
import { recordEvent } from "../store/events.ts";
import { recordMetagraph } from "../store/neurons.ts";
import { latestAverages } from "../store/results.ts";
import { readRoundInput } from "../store/round-input.ts";
import { abandonRound, finishRound, setSampleDigest, setTokenizerRevision } from "../store/rounds.ts";
import { readCompetition, readRuleSet } from "../store/rules.ts";
import { digestSampleSets, listSampleSets } from "../store/samples.ts";
import type { Row } from "../store/schema.ts";
import type { Metagraph } from "../subnet.ts";
import { admitContenders } from "./admission.ts";
import type { ValidatorContext } from "./context.ts";
import { dropLeftovers } from "./leftovers.ts";
import { measureContenders } from "./measuring.ts";
import { drawTexts } from "./texts.ts";
import { competitionTokenizer } from "./tokenizer.ts";

/** Runs a round to its end: finished with results, or abandoned with a reason. */
export async function runRound(context: ValidatorContext, round: Row<"rounds">): Promise<void> {
  const { chain, netuid, store, report } = context;
  const competition = await competitionOf(context, round);
  const resumed = await hasDrawn(store, round.id);
  report({ kind: "round", competition: competition.name, syncBlock: round.sync_block, resumed });

  // Everything is read at the sync block, not at the head: validators that start a minute apart see the same subnet.
  const metagraph = await chain.metagraph(netuid, round.sync_block_hash);
  const commitments = await chain.commitments(netuid, round.sync_block_hash);
  await recordMetagraph(store, metagraph);

  const tokenizerFolder = await tokenizerOf(context, round, competition);
  const texts = await drawTexts(context, { round, competition });
  if (isInvalid(texts)) return await abandon(context, round, texts.detail);
  const contenders = await admitContenders(context, { round, competition, metagraph, commitments });
  await measureContenders(context, { round, competition, contenders, texts, tokenizerFolder });
  await setSampleDigest(store, round.id, digestSampleSets(await listSampleSets(store, round.id)));
  await judge(context, { round, competition, metagraph });
  await dropLeftovers(context, { block: round.sync_block, commitments });
}

/** The competition as it was when the round began: a changed file concerns the next round. */
async function competitionOf({ store }: ValidatorContext, round: Row<"rounds">): Promise<Competition> {
  const stored = await readCompetition(store, round.competition_digest);
  return stored!.definition as Competition;
}

/** The folder of the competition's own tokenizer, if it has one; its commit is looked up once and stored with the round. */
async function tokenizerOf(
  context: ValidatorContext,
  round: Row<"rounds">,
  competition: Competition,
): Promise<string | undefined> {
  const found = await competitionTokenizer(context, competition, round.tokenizer_revision);
  if (found.kind === "unavailable") throw new FailureError(`The tokenizer is not to be had: ${found.detail}.`);
  if (found.kind === "none") return undefined;
  await setTokenizerRevision(context.store, round.id, found.revision);
  return found.folder;
}

async function judge(
  context: ValidatorContext,
  { round, competition, metagraph }: { round: Row<"rounds">; competition: Competition; metagraph: Metagraph },
): Promise<void> {
  const { store, report } = context;
  // The file as it was when the round began: a replay has no other.
  const file = (await readRuleSet(store, round.rule_set_digest)) as CompetitionFile;
  const input = await readRoundInput(store, round, metagraph.block);
  const previousAverages = await latestAverages(store, competition.id, round.sync_block);
  const verdict = judgeRound({ ...input, competition, previousAverages });
  const active = await Promise.all(
    competitionsAt(file, round.sync_block).map(async (running) => ({
      competition: running.id === competition.id ? competition : running,
      averages: (running.id === competition.id ? verdict.averages : await latestAverages(store, running.id)) ?? [],
    })),
  );
  await finishRound(store, round.id, {
    verdict: verdict.kind,
    metagraphBlock: metagraph.block,
    standings: verdict.standings,
    averages: verdict.averages,
    subnetWeights: subnetWeights(active, input.registered),
  });
  const winner = verdict.standings[0]?.outcome === "scored" ? verdict.standings[0].uid : null;
  report({ kind: "judged", syncBlock: round.sync_block, winner, contenders: verdict.standings.length });
}

/** Closes a round without results; what was measured in it is kept. */
export async function abandon(
  { store, report }: ValidatorContext,
  round: Row<"rounds">,
  reason: string,
): Promise<void> {
  await abandonRound(store, round.id, reason);
  await recordEvent(store, {
    level: "warning",
    kind: "round-abandoned",
    message: `The round at block ${round.sync_block} was abandoned: ${reason}.`,
    block: round.sync_block,
  });
  report({ kind: "abandoned", syncBlock: round.sync_block, reason });
}
