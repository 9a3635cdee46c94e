/**
 * One miner's commitment, step by step, until its model contends. The order is the subnet's: what is cheap is checked
 * first, and a miner's fault is told apart from what passes by itself.
 */
import { type Invalid, invalid } from "../base/invalid.ts";
import type { Block, Hotkey } from "../subnet.ts";
import type { CommittedModel } from "./commitment.ts";
import type { Competition, CompetitionFile } from "./competition.ts";
import { checkConstraints, type ProjectionNorms } from "./constraints.ts";
import { hashForHotkey } from "./hashes.ts";
import { competitionAt } from "./schedule.ts";

export type SyncDecision =
  /** The miner's own fault; recorded, and shown to it. */
  | { readonly kind: "misconfigured"; readonly reason: string; readonly detail: string }
  /** Its competition does not run now. */
  | { readonly kind: "inactive" }
  /** The commitment is younger than the evaluation delay; `atBlock` is when it is old enough. */
  | { readonly kind: "later"; readonly atBlock: Block }
  /** The same commitment as before, and nobody asked for another look. */
  | { readonly kind: "unchanged" }
  | { readonly kind: "download"; readonly competition: Competition };

/** What is done about a commitment, before anything is downloaded (steps 1 to 5 of the subnet's order). */
export function decideSync(input: {
  readonly file: CompetitionFile;
  readonly block: Block;
  /** Null: the hotkey has committed nothing. `Invalid`: not readable. */
  readonly commitment: {
    readonly model: Pick<CommittedModel, "competitionId"> | Invalid;
    readonly block: Block;
  } | null;
  /** The block of the commitment that was looked at last, of the same text; null: none. */
  readonly trackedBlock: Block | null;
  readonly force: boolean;
}): SyncDecision {
  const { file, block, commitment, trackedBlock, force } = input;
  if (commitment === null) return misconfigured("no-commitment", "The hotkey has committed no model.");
  const { model } = commitment;
  if ("reason" in model) return misconfigured(model.reason, model.detail);
  const competition = competitionAt(file, block, model.competitionId);
  if (competition === undefined) return { kind: "inactive" };
  if (competitionAt(file, commitment.block, model.competitionId) === undefined)
    return misconfigured(
      "committed-too-early",
      `Competition ${model.competitionId} did not run at block ${commitment.block}, where the model was committed.`,
    );
  const atBlock = commitment.block + competition.evaluationDelayBlocks;
  if (block < atBlock) return { kind: "later", atBlock };
  if (trackedBlock === commitment.block && !force) return { kind: "unchanged" };
  return { kind: "download", competition };
}

/** Whether a downloaded model is what was committed and may contend (steps 7 and 8); null: it may. */
export function checkDownloaded(input: {
  readonly competition: Competition;
  readonly hotkey: Hotkey;
  readonly secureHash: string;
  readonly directoryHash: string;
  readonly parameters: number;
  readonly architecture: string;
  readonly projections: readonly ProjectionNorms[];
}): Invalid | null {
  const { competition, hotkey, secureHash, directoryHash } = input;
  if (hashForHotkey(directoryHash, hotkey) !== secureHash)
    return invalid("hash-mismatch", "The files are not what this hotkey committed: the secure hash differs.");
  return checkConstraints(input, competition.constraints);
}

function misconfigured(reason: string, detail: string): SyncDecision {
  return { kind: "misconfigured", reason, detail };
}
