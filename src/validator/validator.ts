/**
 * The validator: follows the chain's heads, runs the round that is due at each sync block, and sets weights. Everything
 * it decides is in the store first, so that a process that dies at any moment is continued by the next.
 */
import { FailureError, InterruptedError, OperatorError } from "../base/errors.ts";
import type { Competition } from "../competition/competition.ts";
import { competitionDue, nextSyncBlock, seedOfRound, syncBlockAt } from "../competition/schedule.ts";
import { bindChain } from "../store/chain.ts";
import { recordEvent } from "../store/events.ts";
import { findOpenRound, findRound, startRound } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import type { Head } from "../subnet.ts";
import type { ValidatorContext } from "./context.ts";
import { OverdueWatch } from "./overdue.ts";
import { abandon, runRound } from "./round.ts";
import { SubmissionPlan } from "./submission.ts";

export interface RunOptions {
  /** Ends after one round (and its submission) instead of going on with the next. */
  readonly once: boolean;
}

/** Runs until the context's signal aborts (then throws `InterruptedError`), or one round is done. */
export async function runValidator(context: ValidatorContext, { once }: RunOptions): Promise<void> {
  const { chain, store, netuid, signal, report } = context;
  await requirePlace(context);
  await bindChain(store, { genesisHash: chain.genesisHash, netuid });
  const submissions = new SubmissionPlan(context);
  const overdue = new OverdueWatch(context);
  let done = false;
  for await (const head of chain.heads({ signal })) {
    const round: Row<"rounds"> | undefined =
      (await findOpenRound(store)) ?? (done ? undefined : await beginDueRound(context, head));
    if (round !== undefined) {
      done = (await advanceRound(context, round, head)) && once;
    } else if (!done) {
      const next = nextSyncBlock(head.number, context.rules.file.sync);
      report({ kind: "waiting", block: head.number, nextSyncBlock: next });
    }
    const settled = await submissions.advance(head);
    await overdue.look(head);
    // A round that an earlier process judged and did not submit is the one that was asked for.
    if (once && round === undefined && !settled) done = true;
    if (done && settled) return;
  }
  if (signal.aborted) throw new InterruptedError();
}

/**
 * Before anything is stored or measured: a mistyped number must not tie a new state to a subnet that is not there, and
 * weights of a hotkey without a place would be refused after hours of work.
 */
async function requirePlace({ chain, netuid, signer }: ValidatorContext): Promise<void> {
  const { neurons } = await chain.metagraph(netuid);
  if (signer === undefined || neurons.some(({ hotkey }) => hotkey === signer.ss58Address)) return;
  throw new OperatorError(
    `The hotkey ${signer.ss58Address} is not registered in subnet ${netuid}.`,
    "Register it with `finetune register`, give another --wallet.hotkey, or measure without weights with --offline.",
  );
}

/**
 * Runs a round; true when it is closed. What the outside world failed to give ends neither the validator nor the round:
 * it goes on at the next head, until its sync block is so old that no node can be expected to remember it.
 */
async function advanceRound(context: ValidatorContext, round: Row<"rounds">, head: Head): Promise<boolean> {
  const { store, rules, report } = context;
  try {
    await runRound(context, round);
    return true;
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const overdueBlocks = head.number - round.sync_block - roundsOverdueMax * rules.file.sync.cadenceBlocks;
    if (overdueBlocks > 0) {
      await abandon(context, round, error.message);
      return true;
    }
    await recordEvent(store, {
      level: "warning",
      kind: "round-interrupted",
      message: error.message,
      block: head.number,
    });
    report({ kind: "interrupted", detail: error.message });
    return false;
  }
}

/** A round that could not be finished after this many further ones were due is given up. */
const roundsOverdueMax = 3;

/** Begins the round of the newest sync block, unless it was run or no competition is due. */
async function beginDueRound(context: ValidatorContext, head: Head): Promise<Row<"rounds"> | undefined> {
  const { chain, store, rules } = context;
  const syncBlock = syncBlockAt(head.number, rules.file.sync);
  // The first round is that of the genesis block: whoever starts before it waits, and runs no round that others miss.
  if (syncBlock < rules.file.sync.genesisBlock) return undefined;
  const competition = competitionDue(rules.file, syncBlock);
  if (competition === undefined || syncBlock < 1) return undefined;
  if ((await findRound(store, { competitionId: competition.id, syncBlock })) !== undefined) return undefined;
  const syncBlockHash = await chain.blockHash(syncBlock);
  if (syncBlockHash === null) return undefined;
  const round = await startRound(store, {
    competitionId: competition.id,
    competitionDigest: digestOf(context, competition),
    ruleSetDigest: rules.digest,
    syncBlock,
    syncBlockHash,
    seed: seedOfRound(rules.file.sync, syncBlock, syncBlockHash),
  });
  await recordEvent(store, {
    level: "info",
    kind: "round-started",
    message: `Round of ${competition.name} at block ${syncBlock}.`,
    block: syncBlock,
  });
  return round;
}

function digestOf({ rules }: ValidatorContext, competition: Competition): string {
  const digest = rules.digestOf.get(competition);
  if (digest === undefined) throw new Error(`assertion failed: competition ${competition.name} was not stored`);
  return digest;
}
