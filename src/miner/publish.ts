/**
 * Publishes a model so that nobody can copy it first: private upload, a fresh download to hash, the commitment on the
 * chain, and only when that is final the repository becomes public. Every step is in the state file before the next
 * begins; run again after any interruption, it goes on where it stopped and does no step twice.
 */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { FailureError, OperatorError } from "../base/errors.ts";
import { formatCommitment } from "../competition/commitment.ts";
import type { CompetitionFile } from "../competition/competition.ts";
import { hashDigests, hashForHotkey } from "../competition/hashes.ts";
import { repositoryInfo, setVisibility } from "../hub/client.ts";
import type { Hub } from "../hub/connection.ts";
import type { HubFailure, HubResult } from "../hub/outcome.ts";
import {
  type PublishProgress as Bytes,
  compareFresh,
  createPrivate,
  type LocalFile,
  readLocalModel,
  upload,
  withoutToken,
} from "../hub/publish.ts";
import { bindChain } from "../store/chain.ts";
import type { Store } from "../store/store.ts";
import type { Block } from "../subnet.ts";
import { checkedRepository, checkModel, requireRegistered, runningCompetition } from "./publish-checks.ts";
import {
  type CommitOptions,
  type CommitProgress,
  commitmentBlock,
  commitOnce,
  requireCommitted,
} from "./publish-commit.ts";
import { PublishJournal, type PublishStepName } from "./publish-journal.ts";

export interface PublishOptions extends Omit<CommitOptions, "onProgress"> {
  readonly store: Store;
  readonly hub: Hub;
  readonly folder: string;
  readonly repo: string;
  readonly competitionId: number;
  /** Where the competition is looked for, in this order. */
  readonly competitions: readonly CompetitionFile[];
  /** A folder of its own in here has fresh downloads and the memory of uploads, and is deleted at the end. */
  readonly workFolder: string;
  readonly onStep: (step: PublishStep) => void;
  readonly onProgress: (progress: PublishProgress) => void;
}

/** A step that is in the state file. */
export interface PublishStep {
  readonly name: PublishStepName;
  readonly result: Readonly<Record<string, unknown>>;
  /** Done by an earlier run. */
  readonly resumed: boolean;
}

/** What a step is busy with. */
export type PublishProgress =
  | ({ readonly kind: "hashing" | "checking" | "uploading" | "downloading"; readonly what: string } & Bytes)
  | CommitProgress;

export interface Published {
  readonly repo: string;
  readonly revision: string;
  readonly commitment: string;
  readonly block: Block;
}

/** Throws `OperatorError` for what the operator must change, `FailureError` for what may work later. */
export async function publishModel(options: PublishOptions): Promise<Published> {
  const { store, chain, netuid, signer, folder, repo, competitionId, signal, onProgress } = options;
  const workFolder = join(options.workFolder, repo.replace("/", "--"));
  const name = checkedRepository(repo, competitionId);
  await bindChain(store, { genesisHash: chain.genesisHash, netuid });
  const competition = runningCompetition(options.competitions, competitionId, (await chain.head()).number);
  const hashing = (bytes: Bytes) => onProgress({ kind: "hashing", what: folder, ...bytes });
  const files = value(await readLocalModel(folder, { signal, onProgress: hashing }), options);
  const scope = `publish:${signer.ss58Address}:${digestOf(repo, competitionId, files)}`;
  const journal = await PublishJournal.open(store, scope);
  const bytesMax = competition.constraints.repositoryBytesMax;
  const run = new PublishRun({ ...options, workFolder }, files, journal, bytesMax);

  await run.step("checked", async () => {
    await requireRegistered(options);
    const checking = (doneBytes: number, totalBytes: number) =>
      onProgress({ kind: "checking", what: "the parameters", doneBytes, totalBytes });
    await checkModel({ folder, files, competition, signal, onProgress: checking });
    return { before: await commitmentBlock(options), files: files.length };
  });
  await run.step("created", async () => value(await createPrivate(options.hub, { repo, signal }), options));
  const { revision } = await run.step("uploaded", () => run.upload());
  const { directoryHash } = await run.step("verified", () => run.verifyPrivate(revision));
  const secureHash = hashForHotkey(directoryHash, signer.ss58Address);
  const commitment = formatCommitment({ ...name, revision, secureHash, competitionId });
  await run.step("committed", () => commitOnce(options, journal, commitment));
  // An earlier run may have committed it: what would become public must be what the chain holds now.
  const { block } = await requireCommitted(options, journal, commitment);
  await run.step("public", async () =>
    value(await setVisibility(options.hub, { repo, private: false, signal }), options),
  );
  await run.step("confirmed", () => run.verifyPublic(revision));
  await rm(workFolder, { recursive: true, force: true });
  return { repo, revision, commitment, block };
}

/** Steps that were begun and not finished must not be mistaken for those of another model in the same folder. */
function digestOf(repo: string, competitionId: number, files: readonly LocalFile[]): string {
  const lines = [repo, String(competitionId), ...files.map(({ path, sha256 }) => `${path} ${sha256}`)];
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 32);
}

class PublishRun {
  constructor(
    private readonly options: PublishOptions,
    private readonly files: readonly LocalFile[],
    private readonly journal: PublishJournal,
    private readonly bytesMax: number,
  ) {}

  /** Does a step unless it is done, and stores what came of it before anything else happens. */
  async step<T extends Readonly<Record<string, unknown>>>(name: PublishStepName, work: () => Promise<T>): Promise<T> {
    const known = this.journal.read<T>(name);
    const result = known ?? (await work());
    if (known === undefined) await this.journal.write(name, result);
    this.options.onStep({ name, result, resumed: known !== undefined });
    return result;
  }

  async upload(): Promise<{ readonly revision: string }> {
    const { hub, repo, folder, workFolder, signal, onProgress } = this.options;
    await this.#requirePrivate();
    let revision = "";
    for (const portion of ["model", "tokenizer"] as const) {
      const journalFile = join(workFolder, `${portion}.uploads`);
      const uploading = (bytes: Bytes) => onProgress({ kind: "uploading", what: portion, ...bytes });
      const request = { repo, folder, files: this.files, portion, journalFile, signal, onProgress: uploading };
      ({ revision } = value(await upload(hub, request), this.options));
    }
    return { revision };
  }

  /** Days may lie between the creation and the upload, and what is public can be copied at once. */
  async #requirePrivate(): Promise<void> {
    const { hub, repo, signal } = this.options;
    const info = await repositoryInfo(hub, { repo, signal });
    if (info.kind === "invalid") {
      await this.journal.forget("created");
      throw new OperatorError(`${repo} is not there any more: ${info.detail}.`, "Run this again to create it anew.");
    }
    if (!value(info, this.options).private)
      throw new OperatorError(
        `${repo} has become public before its upload: everybody would see the model before it is committed.`,
        "Make it private again on the hub, or choose a new --repo.",
      );
  }

  /** The hash of a directory is that of what everybody else will get. */
  async verifyPrivate(revision: string): Promise<{ readonly directoryHash: string }> {
    const compared = await this.#compare(this.options.hub, revision);
    // The folder or the repository changed while the upload ran: only another upload can mend it.
    if (compared.kind === "refused" && compared.reason === "conflict") await this.journal.forget("uploaded");
    return value(compared, this.options);
  }

  async verifyPublic(revision: string): Promise<{ readonly directoryHash: string }> {
    const compared = await this.#compare(withoutToken(this.options.hub), revision);
    if (compared.kind === "invalid" && compared.reason === "repository-missing")
      throw new FailureError(
        `${this.options.repo} is committed, but not yet seen by everybody: ${compared.detail}.`,
        "Run this again in a minute: it only looks once more.",
      );
    return value(compared, this.options);
  }

  async #compare(hub: Hub, revision: string): Promise<HubResult<{ readonly directoryHash: string }>> {
    const { repo, workFolder, signal, onProgress } = this.options;
    const folder = join(workFolder, hub.token === undefined ? "anonymous" : "fresh");
    await rm(folder, { recursive: true, force: true });
    const fresh = await compareFresh(hub, {
      repo,
      revision,
      folder,
      files: this.files,
      bytesMax: this.bytesMax,
      signal,
      onProgress: ({ path, doneBytes, totalBytes }) =>
        onProgress({ kind: "downloading", what: path, doneBytes, totalBytes }),
    });
    return fresh.kind === "ok" ? { kind: "ok", value: { directoryHash: hashDigests(fresh.value.files) } } : fresh;
  }
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

const hints: Partial<Record<Exclude<HubFailure, { kind: "retry" }>["reason"], string>> = {
  "token-invalid": "Give a valid token in HF_TOKEN.",
  forbidden: "Use a token with write access to this namespace, or another --repo.",
  exists: "Choose a new --repo: what is public already can be copied before it is committed.",
  "quota-exceeded": "Free space in the hub's account and run this again: it goes on where it stopped.",
  "disk-full": "Free disk space and run this again: it goes on where it stopped.",
  conflict: "The folder or the repository has changed meanwhile; run this again, or choose a new --repo.",
  "too-large": "Remove what is not the model's from the repository, or choose a new --repo.",
};
