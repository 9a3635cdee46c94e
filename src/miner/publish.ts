/**
 * Publishes a model so that nobody can copy it first: private upload, a fresh download to hash, the commitment on the
 * chain, and only when that is final the repository becomes public. Every step is in the state file before the next
 * begins; run again after any interruption, it goes on where it stopped and does no step twice.
 */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { FailureError, OperatorError } from "../base/errors.ts";
import type { ChainClient } from "../chain/client.ts";
import type { Keypair } from "../chain/keypair.ts";
import type { Pending, Submission } from "../chain/submission.ts";
import { formatCommitment, parseRepositoryName } from "../competition/commitment.ts";
import { hashDirectory, hashForHotkey, hashFromDigest } from "../competition/hashes.ts";
import { setVisibility } from "../hub/client.ts";
import type { Hub } from "../hub/connection.ts";
import type { HubFailure, HubResult } from "../hub/outcome.ts";
import { compareFresh, createPrivate, type LocalFile, readLocalModel, upload, withoutToken } from "../hub/publish.ts";
import { bindChain } from "../store/chain.ts";
import { readSteps, writeStep } from "../store/journal.ts";
import type { Store } from "../store/store.ts";
import type { Block, Commitment, Netuid } from "../subnet.ts";

export interface PublishOptions {
  readonly store: Store;
  readonly hub: Hub;
  readonly chain: ChainClient;
  readonly netuid: Netuid;
  /** The hotkey, registered in the subnet. */
  readonly signer: Keypair;
  readonly folder: string;
  readonly repo: string;
  readonly competitionId: number;
  /** For fresh downloads and the memory of uploads; nothing in it is worth keeping after the end. */
  readonly workFolder: string;
  readonly signal: AbortSignal;
  readonly onStep: (step: PublishStep) => void;
}

export const publishSteps = ["checked", "created", "uploaded", "verified", "committed", "public", "confirmed"] as const;

export interface PublishStep {
  readonly name: (typeof publishSteps)[number] | "uploading";
  readonly detail: string;
  /** Done by an earlier run. */
  readonly resumed: boolean;
}

export interface Published {
  readonly repo: string;
  readonly revision: string;
  readonly commitment: string;
  readonly block: Block;
}

/** Throws `OperatorError` for what the operator must change, `FailureError` for what may work later. */
export async function publishModel(options: PublishOptions): Promise<Published> {
  const { store, chain, netuid, signer, folder, repo, competitionId, signal } = options;
  const name = parseRepositoryName(repo);
  if ("kind" in name) throw new OperatorError(name.detail, "Choose another --repo.");
  await bindChain(store, { genesisHash: chain.genesisHash, netuid });
  const files = value(await readLocalModel(folder, { signal }), options);
  const run = new PublishRun(options, files, `publish:${signer.ss58Address}:${digestOf(repo, competitionId, files)}`);
  await run.load();

  await run.step("checked", async () => {
    if ((await chain.registration(netuid, signer.ss58Address)) === undefined)
      throw new OperatorError(
        `Hotkey ${signer.ss58Address} is not registered in subnet ${netuid}.`,
        "Register it with `finetune register`.",
      );
    const before = await run.ownCommitment();
    return { before: before === undefined ? null : before.block, files: files.length };
  });
  await run.step("created", async () => value(await createPrivate(options.hub, { repo, signal }), options));
  const { revision } = await run.step("uploaded", () => run.upload());
  const { directoryHash } = await run.step("verified", () => run.verify(options.hub, revision, "fresh"));
  const secureHash = hashForHotkey(directoryHash, signer.ss58Address);
  const commitment = formatCommitment({ ...name, revision, secureHash, competitionId });
  const { block } = await run.step("committed", () => run.commit(commitment));
  await run.step("public", async () =>
    value(await setVisibility(options.hub, { repo, private: false, signal }), options),
  );
  await run.step("confirmed", () => run.verify(withoutToken(options.hub), revision, "anonymous"));
  await rm(options.workFolder, { recursive: true, force: true });
  return { repo, revision, commitment, block };
}

/** Steps that were begun and not finished must not be mistaken for those of another model in the same folder. */
function digestOf(repo: string, competitionId: number, files: readonly LocalFile[]): string {
  const lines = [repo, String(competitionId), ...files.map(({ path, sha256 }) => `${path} ${sha256}`)];
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 32);
}

class PublishRun {
  #done: ReadonlyMap<string, unknown> = new Map();

  constructor(
    private readonly options: PublishOptions,
    private readonly files: readonly LocalFile[],
    private readonly scope: string,
  ) {}

  async load(): Promise<void> {
    this.#done = await readSteps(this.options.store, this.scope);
  }

  /** Does a step unless it is done, and stores what came of it before anything else happens. */
  async step<T extends object>(name: PublishStep["name"], work: () => Promise<T>): Promise<T> {
    const { store, onStep } = this.options;
    const known = this.#done.get(name) as T | undefined;
    const result = known ?? (await work());
    if (known === undefined) await writeStep(store, this.scope, name, result);
    onStep({ name, detail: JSON.stringify(result), resumed: known !== undefined });
    return result;
  }

  /** What the hotkey has committed in this subnet, as the chain says now. */
  async ownCommitment(): Promise<Commitment | undefined> {
    const { chain, netuid, signer } = this.options;
    return (await chain.commitments(netuid)).find(({ hotkey }) => hotkey === signer.ss58Address);
  }

  async upload(): Promise<{ readonly revision: string }> {
    const { hub, repo, folder, workFolder, signal, onStep } = this.options;
    let revision = "";
    for (const portion of ["model", "tokenizer"] as const) {
      const journalFile = join(workFolder, `${portion}.uploads`);
      const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }) =>
        onStep({ name: "uploading", detail: `${portion}: ${doneBytes} of ${totalBytes} bytes`, resumed: false });
      const request = { repo, folder, files: this.files, portion, journalFile, signal, onProgress };
      ({ revision } = value(await upload(hub, request), this.options));
    }
    return { revision };
  }

  /** Downloads what was published and compares it; the hash of a directory is that of what everybody else gets. */
  async verify(hub: Hub, revision: string, purpose: string): Promise<{ readonly directoryHash: string }> {
    const { repo, workFolder, signal } = this.options;
    const folder = join(workFolder, purpose);
    await rm(folder, { recursive: true, force: true });
    const fresh = value(await compareFresh(hub, { repo, revision, folder, files: this.files, signal }), this.options);
    const hashes = fresh.files.map(({ path, sha256 }) => ({ path, hash: hashFromDigest(Buffer.from(sha256, "hex")) }));
    return { directoryHash: hashDirectory(hashes) };
  }

  /** Commits once: what an earlier run sent is looked up before anything is sent. */
  async commit(text: string): Promise<{ readonly block: Block }> {
    const { chain, netuid, signer, store } = this.options;
    const pending = this.#done.get("committing") as Pending | undefined;
    if (pending !== undefined) {
      const fate = await chain.fate(pending);
      if (fate.kind === "finalised") return await this.#readBack(text);
      if (fate.kind === "unknown") throw notYetKnown(fate.sentence);
    }
    const before = (this.#done.get("checked") as { before: Block | null } | undefined)?.before;
    const current = await this.ownCommitment();
    if (current !== undefined && textOf(current) === text) return { block: current.block };
    if (before !== undefined && (current?.block ?? null) !== before)
      throw new OperatorError(
        `Hotkey ${signer.ss58Address} has committed something else at block ${current?.block} since this publication began.`,
        "Find out which other machine publishes with this hotkey; nothing was committed from here.",
      );
    const submission = await chain.setCommitment({
      netuid,
      data: new TextEncoder().encode(text),
      signer,
      onSigned: (signed) => writeStep(store, this.scope, "committing", signed),
    });
    if (submission.kind !== "finalised") throw submissionError(submission);
    return await this.#readBack(text);
  }

  async #readBack(text: string): Promise<{ readonly block: Block }> {
    const current = await this.ownCommitment();
    if (current !== undefined && textOf(current) === text) return { block: current.block };
    throw new FailureError(
      "The chain holds another commitment of this hotkey than the one that was made.",
      "Find out which other machine publishes with this hotkey, then run this again.",
    );
  }
}

function textOf({ data }: Commitment): string {
  return new TextDecoder().decode(data);
}

function submissionError(submission: Exclude<Submission, { kind: "finalised" }>): Error {
  if (submission.kind === "unknown") return notYetKnown(submission.sentence);
  return new OperatorError(
    `The chain refused the commitment: ${submission.error}.`,
    `${submission.sentence} The upload is kept; run this again to go on.`,
  );
}

function notYetKnown(sentence: string): FailureError {
  return new FailureError(
    `What became of the commitment is not known: ${sentence}`,
    "Run this again: it is looked up first.",
  );
}

/** The value of a hub's answer, or the error that the operator reads. */
function value<T>(result: HubResult<T>, { repo }: PublishOptions): T {
  if (result.kind === "ok") return result.value;
  if (result.kind === "retry")
    throw new FailureError(
      `The hub does not answer as it should: ${result.detail}.`,
      "Run this again: it goes on where it stopped.",
    );
  throw new OperatorError(
    `${repo} cannot be published: ${result.detail}.`,
    hints[result.reason] ?? "Mend this and run it again.",
  );
}

const hints: Partial<Record<HubFailure["reason"], string>> = {
  "token-invalid": "Give a valid token in HF_TOKEN.",
  forbidden: "Use a token with write access to this namespace, or another --repo.",
  exists: "Choose a new --repo: what is public already can be copied before it is committed.",
  "quota-exceeded": "Free space in the hub's account, or use another one.",
  "disk-full": "Free disk space and run this again: it goes on where it stopped.",
  conflict: "Something else writes to this repository; choose a new --repo.",
};
