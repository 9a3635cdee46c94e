/**
 * The commitment of a publication: made once, final before it counts, and never in the place of another that somebody
 * else made with the same hotkey meanwhile.
 */
import { FailureError, InterruptedError, OperatorError } from "../base/errors.ts";
import type { ChainClient } from "../chain/client.ts";
import type { Keypair } from "../chain/keypair.ts";
import type { Pending, Submission } from "../chain/submission.ts";
import type { Block, BlockHash, Commitment, Netuid } from "../subnet.ts";
import type { PublishJournal } from "./publish-journal.ts";

export interface CommitOptions {
  readonly chain: ChainClient;
  readonly netuid: Netuid;
  readonly signer: Keypair;
  readonly signal: AbortSignal;
  /** The chain's refusal that is waited out, or the extrinsic that is about to be sent. */
  readonly onProgress: (progress: CommitProgress) => void;
}

export type CommitProgress =
  | { readonly kind: "waiting"; readonly reason: string; readonly detail: string }
  | ({ readonly kind: "committing" } & Pending);

/** What passes by itself: the epoch's space for commitments, and the limit of one per so many blocks. */
const passing: ReadonlySet<string> = new Set([
  "SpaceLimitExceeded",
  "CommitmentSetRateLimitExceeded",
  "RateLimitExceeded",
]);
/** What another try may overcome; every other refusal waits for the operator. */
const accidental: ReadonlySet<string> = new Set([
  "Expired",
  "Stale",
  "AncientBirthBlock",
  "Future",
  "Banned",
  "ExhaustsResources",
]);
/** A minute of the public chain. */
const againBlocks = 5;

/** The commitment that the hotkey had when the publication began: whatever came after it is somebody else's. */
export async function commitmentBlock(
  options: Pick<CommitOptions, "chain" | "netuid" | "signer">,
): Promise<Block | null> {
  return (await ownCommitment(options))?.block ?? null;
}

/** Commits a text and returns the block once that is final. What an earlier run sent is looked up before anything is sent. */
export async function commitOnce(
  options: CommitOptions,
  journal: PublishJournal,
  text: string,
): Promise<{ readonly block: Block }> {
  const { chain, netuid, signer, signal, onProgress } = options;
  const pending = journal.read<Pending>("committing");
  if (pending !== undefined) {
    const fate = await chain.fate(pending);
    if (fate.kind === "finalised") return await requireCommitted(options, journal, text);
    if (fate.kind === "unknown") throw notYetKnown(fate.sentence);
  }
  for (;;) {
    const current = await ownCommitment(options);
    if (current !== undefined && textOf(current) === text) return await requireCommitted(options, journal, text);
    const before = journal.read<{ before: Block | null }>("checked")?.before ?? null;
    if ((current?.block ?? null) !== before) throw await replaced(options, journal, current);
    const submission = await chain.setCommitment({
      netuid,
      data: new TextEncoder().encode(text),
      signer,
      onSigned: async (signed) => {
        await journal.write("committing", signed);
        onProgress({ kind: "committing", ...signed });
      },
    });
    if (submission.kind === "finalised") return await requireCommitted(options, journal, text);
    if (submission.kind === "unknown") throw notYetKnown(submission.sentence);
    if (submission.error === "EffectMissing") throw await replaced(options, journal, await ownCommitment(options));
    // Its fate is known: the next run has nothing to look up, which would take it the blocks of an era.
    await journal.forget("committing");
    if (!passing.has(submission.error)) throw refusalError(submission);
    onProgress({ kind: "waiting", reason: submission.error, detail: submission.sentence });
    await waitBlocks(chain, againBlocks, signal);
  }
}

/** Waits until a final block holds the text as the hotkey's commitment; throws when the newest holds another. */
export async function requireCommitted(
  options: CommitOptions,
  journal: PublishJournal,
  text: string,
): Promise<{ readonly block: Block }> {
  for await (const head of options.chain.heads({ finalised: true, signal: options.signal })) {
    const final = await ownCommitment(options, head.hash);
    if (final !== undefined && textOf(final) === text) return { block: final.block };
    const newest = await ownCommitment(options);
    if (newest === undefined || textOf(newest) !== text) throw await replaced(options, journal, newest);
  }
  throw new InterruptedError();
}

async function ownCommitment(
  { chain, netuid, signer }: Pick<CommitOptions, "chain" | "netuid" | "signer">,
  at?: BlockHash,
): Promise<Commitment | undefined> {
  return (await chain.commitments(netuid, at)).find(({ hotkey }) => hotkey === signer.ss58Address);
}

/** The operator is told once; what the chain holds now is then what the next run replaces. */
async function replaced(
  { signer }: CommitOptions,
  journal: PublishJournal,
  current: Commitment | undefined,
): Promise<OperatorError> {
  await journal.forget("committed", "committing");
  await journal.write("checked", { ...journal.read<object>("checked"), before: current?.block ?? null });
  return new OperatorError(
    current === undefined
      ? `The chain no longer holds a commitment of hotkey ${signer.ss58Address}.`
      : `Something else committed with hotkey ${signer.ss58Address}, at block ${current.block}.`,
    "Find out which other machine publishes with it; running this again replaces that by this model.",
  );
}

async function waitBlocks(chain: ChainClient, count: number, signal: AbortSignal): Promise<void> {
  let seen = 0;
  for await (const _ of chain.heads({ signal })) if (seen++ === count) return;
  throw new InterruptedError();
}

function textOf({ data }: Commitment): string {
  return new TextDecoder().decode(data);
}

function refusalError({ error, sentence }: Extract<Submission, { kind: "refused" }>): Error {
  const message = `The chain refused the commitment: ${error}.`;
  const hint = `${sentence} The upload is kept and stays private; run this again to go on.`;
  return accidental.has(error) ? new FailureError(message, hint) : new OperatorError(message, hint);
}

function notYetKnown(sentence: string): FailureError {
  return new FailureError(
    `What became of the commitment is not known: ${sentence}`,
    "Run this again: it is looked up first.",
  );
}
