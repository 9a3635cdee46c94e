/** What is asked of a model before its first byte leaves: name, size, kind. Validators ask the same, after it is public. */

import { OperatorError } from "../base/errors.ts";
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { ChainClient } from "../chain/client.ts";
import type { Keypair } from "../chain/keypair.ts";
import { commitmentBytesMax, parseRepositoryName } from "../competition/commitment.ts";
import type { Competition, CompetitionFile } from "../competition/competition.ts";
import { checkConstraints, checkFinite } from "../competition/constraints.ts";
import { competitionAt } from "../competition/schedule.ts";
import type { LocalFile } from "../hub/publish.ts";
import { openFolder, openModelFolder } from "../model/folder.ts";
import { type Inspection, inspectModel } from "../model/inspection.ts";
import { scanParameters } from "../model/parameters.ts";
import { groupProjections } from "../model/projections.ts";
import type { Block, Netuid } from "../subnet.ts";

/** Revision (40), secure hash (44) and the four colons; the competition's digits come on top. */
const commitmentBytesFixed = 40 + 44 + 4;

/** The parts of `namespace/name`, when the whole commitment has room for it. */
export function checkedRepository(repo: string, competitionId: number): { namespace: string; name: string } {
  const parts = parseRepositoryName(repo);
  if (isInvalid(parts)) throw new OperatorError(parts.detail, "Choose another --repo.");
  const sizeBytes = commitmentBytesFixed + repo.length - 1 + String(competitionId).length;
  if (sizeBytes > commitmentBytesMax)
    throw new OperatorError(
      `The commitment of \`${repo}\` would have ${sizeBytes} bytes; the chain's longest has ${commitmentBytesMax}.`,
      `Choose a --repo that is ${sizeBytes - commitmentBytesMax} characters shorter.`,
    );
  return parts;
}

/**
 * The competition of an id that runs at a block, in the first file that has one: validators refuse a model that was
 * committed while its competition did not run.
 */
export function runningCompetition(files: readonly CompetitionFile[], id: number, block: Block): Competition {
  const found = files.map((file) => competitionAt(file, block, id)).find((competition) => competition !== undefined);
  if (found !== undefined) return found;
  throw new OperatorError(
    `Competition ${id} does not run at block ${block}.`,
    "`finetune competition list` shows those that do; --competitions takes the file of another subnet.",
  );
}

/** Only a hotkey of the subnet may commit. */
export async function requireRegistered({
  chain,
  netuid,
  signer,
}: {
  readonly chain: ChainClient;
  readonly netuid: Netuid;
  readonly signer: Keypair;
}): Promise<void> {
  if ((await chain.registration(netuid, signer.ss58Address)) !== undefined) return;
  throw new OperatorError(
    `Hotkey ${signer.ss58Address} is not registered in subnet ${netuid}.`,
    "Register it with `finetune register`.",
  );
}

/** Throws an `OperatorError` for a model that no validator would admit. Reads every parameter, as validators do. */
export async function checkModel(input: {
  readonly folder: string;
  readonly files: readonly LocalFile[];
  readonly competition: Competition;
  readonly signal: AbortSignal;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}): Promise<void> {
  const { folder, files, competition } = input;
  const { repositoryBytesMax } = competition.constraints;
  const refused = (detail: string) =>
    new OperatorError(
      `Validators would not admit ${folder} to competition ${competition.id}: ${detail.replace(/\.$/, "")}.`,
      "Mend the model, or name the competition that it is made for; nothing was uploaded.",
    );
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (sizeBytes > repositoryBytesMax)
    throw refused(`its files have ${sizeBytes} bytes, and at most ${repositoryBytesMax} are allowed`);
  const source = await openFolder(folder, "refuse");
  if (isInvalid(source)) throw refused(source.detail);
  const inspection = await inspectModel(source, { cores: 1 });
  if (isInvalid(inspection)) throw refused(inspection.detail);
  if (competition.constraints.tokenizer === null && inspection.tokenizer === null)
    throw refused("every model is measured with its own tokenizer.json, and this one has none");
  const problem = await checkParameters(input, inspection);
  if (problem !== null) throw refused(problem.detail);
}

async function checkParameters(
  { folder, competition, signal, onProgress }: Parameters<typeof checkModel>[0],
  { parameters, architecture }: Inspection,
): Promise<Invalid | null> {
  const opened = await openModelFolder(folder);
  if (isInvalid(opened)) return opened;
  const scan = await scanParameters(opened.tensors, {
    signal,
    onProgress: (doneBytes) => onProgress(doneBytes, opened.tensorsBytes),
  });
  if (isInvalid(scan)) return scan;
  const projections = groupProjections(Object.fromEntries(scan.norms));
  return (
    checkFinite(scan.nonFinite) ?? checkConstraints({ parameters, architecture, projections }, competition.constraints)
  );
}
