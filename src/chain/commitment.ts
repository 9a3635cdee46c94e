/** What hotkeys have committed: all fields of every kind, with the block that each commitment was made at. */
import { FailureError } from "../base/errors.ts";
import type { BlockHash, Commitment, Hotkey, Netuid } from "../subnet.ts";
import type { Link } from "./link.ts";
import type { Plain } from "./plain.ts";
import { Snapshot } from "./snapshot.ts";

/** One field of a commitment, as the pallet's Data enum spells it. */
export type CommitmentField =
  | { readonly kind: "none" }
  /** Raw0 … Raw128 and BigRaw (up to 512 bytes). */
  | { readonly kind: "raw"; readonly bytes: Uint8Array }
  | { readonly kind: "hash"; readonly algorithm: string; readonly bytes: Uint8Array }
  | { readonly kind: "timelocked"; readonly encrypted: Uint8Array; readonly revealRound: bigint }
  | { readonly kind: "reset-bonds" };

/** A commitment with every field; `data` is the first field's bytes, empty when it carries none. */
export interface FullCommitment extends Commitment {
  readonly fields: readonly CommitmentField[];
}

const hashKinds = new Set(["BlakeTwo256", "Sha256", "Keccak256", "ShaThree256"]);

/** The commitments of a subnet's hotkeys, in the order of the chain's own map. */
export async function readCommitments(link: Link, netuid: Netuid, at?: BlockHash): Promise<readonly FullCommitment[]> {
  const snapshot = await Snapshot.at(link, at);
  const entries = await snapshot.entries("Commitments.CommitmentOf", netuid);
  return entries.map(({ keys, value }) => commitmentOf(keys[0] as Hotkey, value));
}

/** One hotkey's commitment, or undefined. */
export async function readCommitment(
  snapshot: Snapshot,
  netuid: Netuid,
  hotkey: Hotkey,
): Promise<FullCommitment | undefined> {
  const value = await snapshot.value("Commitments.CommitmentOf", netuid, hotkey);
  return value === null ? undefined : commitmentOf(hotkey, value);
}

/** The variant of the pallet's Data enum that holds some bytes: Raw0 … Raw128, or BigRaw up to 512. */
export function dataVariant(bytes: Uint8Array): string | undefined {
  if (bytes.length <= 128) return `Raw${bytes.length}`;
  return bytes.length <= 512 ? "BigRaw" : undefined;
}

function commitmentOf(hotkey: Hotkey, value: Plain): FullCommitment {
  const { block, info } = value as { block: number; info: { fields: readonly { kind: string; value: Plain }[] } };
  const fields = info.fields.map(fieldOf);
  const first = fields[0];
  return { hotkey, block, data: first === undefined ? new Uint8Array() : bytesOf(first), fields };
}

function fieldOf({ kind, value }: { readonly kind: string; readonly value: Plain }): CommitmentField {
  if (kind === "None") return { kind: "none" };
  if (/^Raw\d+$/.test(kind) || kind === "BigRaw")
    return { kind: "raw", bytes: (value ?? new Uint8Array()) as Uint8Array };
  if (hashKinds.has(kind)) return { kind: "hash", algorithm: kind, bytes: value as Uint8Array };
  if (kind === "ResetBondsFlag") return { kind: "reset-bonds" };
  if (kind === "TimelockEncrypted") {
    const { encrypted, revealRound } = value as { encrypted: Uint8Array; revealRound: bigint };
    return { kind: "timelocked", encrypted, revealRound };
  }
  throw new FailureError(
    `The chain's commitments hold a kind of data that this program does not know: ${kind}.`,
    "Update this program.",
  );
}

function bytesOf(field: CommitmentField): Uint8Array {
  switch (field.kind) {
    case "raw":
    case "hash":
      return field.bytes;
    case "timelocked":
      return field.encrypted;
    case "none":
    case "reset-bonds":
      return new Uint8Array();
  }
}
