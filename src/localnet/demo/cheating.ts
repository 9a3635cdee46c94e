/** What the demonstration's dishonest miners do, with the same hub and chain as everybody else. */
import { cp, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { FailureError } from "../../base/errors.ts";
import type { ChainClient } from "../../chain/client.ts";
import { keypairFromUri } from "../../chain/keypair.ts";
import { formatCommitment } from "../../competition/commitment.ts";
import { hashDigests, hashForHotkey } from "../../competition/hashes.ts";
import { createRepository } from "../../hub/client.ts";
import type { Hub } from "../../hub/connection.ts";
import type { HubResult } from "../../hub/outcome.ts";
import { readLocalModel, upload } from "../../hub/publish.ts";
import type { Netuid } from "../../subnet.ts";
import { type CheatingMiner, hotkeyOf } from "./cast.ts";

export interface CheatOptions {
  readonly miner: CheatingMiner;
  /** The victim's model, and where the cheat's own files go. */
  readonly victimFolder: string;
  readonly folder: string;
  readonly repo: string;
  readonly hub: Hub;
  readonly chain: ChainClient;
  readonly netuid: Netuid;
  readonly competitionId: number;
}

/** Uploads publicly and commits at once, without any of the checks of `mine publish`. */
export async function cheat(options: CheatOptions): Promise<void> {
  const { miner, victimFolder, folder, repo, hub, chain, netuid, competitionId } = options;
  await mkdir(folder, { recursive: true });
  await cp(victimFolder, folder, { recursive: true });
  if (miner.kind === "damaged") await truncateParameters(folder);
  const files = value(await readLocalModel(folder));
  value(await createRepository(hub, { repo, private: false }));
  let revision = "";
  for (const portion of ["model", "tokenizer"] as const) {
    const journalFile = `${folder}.${portion}.uploads`;
    ({ revision } = value(await upload(hub, { repo, folder, files, portion, journalFile })));
  }
  const signer = keypairFromUri(hotkeyOf(miner));
  // The mismatched miner commits to files that it never uploaded.
  const committed = miner.kind === "mismatched" ? files.slice(1) : files;
  const [namespace, name] = repo.split("/") as [string, string];
  const secureHash = hashForHotkey(hashDigests(committed), signer.ss58Address);
  const text = formatCommitment({ namespace, name, revision, secureHash, competitionId });
  const submission = await chain.setCommitment({ netuid, data: new TextEncoder().encode(text), signer });
  if (submission.kind !== "finalised") throw new FailureError(`${miner.name} could not commit: ${submission.kind}`);
}

/** Half of the last tensor is missing, as after an upload that broke off. */
async function truncateParameters(folder: string): Promise<void> {
  await using file = await open(join(folder, "model.safetensors"), "r+");
  const { size } = await file.stat();
  await file.truncate(size - 4096);
}

function value<T>(result: HubResult<T>): T {
  if (result.kind === "ok") return result.value;
  throw new FailureError(`the local hub refused: ${result.detail}`);
}
