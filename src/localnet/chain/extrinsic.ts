/**
 * Extrinsics, version 4: an inherent is a bare call, anything else is signed over the call, the extra data of the
 * signed extensions and what they imply (versions, genesis, the era's first block).
 */
import { blake2AsU8a, ed25519Verify, sr25519Verify } from "@polkadot/util-crypto";
import { type RuntimeCall, runtimeCall } from "./pallets/index.ts";
import { MalformedBytes, ScaleReader, ScaleWriter } from "./scale/bytes.ts";
import {
  compactU32,
  compactU64,
  empty,
  encode,
  fixedHex,
  option,
  type ScaleType,
  struct,
  u32,
  unit,
  wrapper,
} from "./scale/type.ts";
import { bare, variants } from "./scale/variant.ts";
import {
  type Account,
  type Era,
  era,
  h256,
  type MultiSignature,
  multiAddress,
  multiSignature,
} from "./types/substrate.ts";

export const extrinsicVersion = 4;
const signedBit = 0x80;
/** Larger ones are refused before they are decoded: the runtime's own block length. */
export const extrinsicSizeBytesMax = 5 * 1024 * 1024;

const nonceExtra = wrapper("node_subtensor_runtime::check_nonce::CheckNonce", compactU32, [["T", null]]);
const eraExtra = wrapper("node_subtensor_runtime::check_mortality::CheckMortality", era, [["T", null]]);
const tipExtra = wrapper("pallet_transaction_payment::ChargeTransactionPayment", compactU64, [["T", null]]);
const hashMode = struct("frame_metadata_hash_extension::CheckMetadataHash", {
  mode: variants("frame_metadata_hash_extension::Mode", { Disabled: bare(0), Enabled: bare(1) }),
});

interface SignedExtension {
  readonly identifier: string;
  readonly extra: ScaleType<unknown>;
  readonly implicit: ScaleType<unknown>;
}

/** In the order of runtime 424; the order is that of their bytes. */
export const signedExtensions: readonly SignedExtension[] = [
  nothing("frame_system::extensions::check_non_zero_sender::CheckNonZeroSender"),
  { ...nothing("frame_system::extensions::check_spec_version::CheckSpecVersion"), implicit: u32 },
  { ...nothing("frame_system::extensions::check_tx_version::CheckTxVersion"), implicit: u32 },
  { ...nothing("frame_system::extensions::check_genesis::CheckGenesis"), implicit: h256 },
  { identifier: "CheckMortality", extra: eraExtra, implicit: h256 },
  { identifier: "CheckNonce", extra: nonceExtra, implicit: unit },
  nothing("frame_system::extensions::check_weight::CheckWeight"),
  { identifier: "ChargeTransactionPayment", extra: tipExtra, implicit: unit },
  nothing("node_subtensor_runtime::sudo_wrapper::SudoTransactionExtension"),
  nothing("pallet_shield::extension::CheckShieldedTxValidity"),
  nothing("pallet_subtensor::extensions::subtensor::SubtensorTransactionExtension"),
  nothing("pallet_drand::drand_priority::DrandPriority"),
  { identifier: "CheckMetadataHash", extra: hashMode, implicit: option(fixedHex(32)) },
];

function nothing(path: string): SignedExtension {
  const extra = empty(path);
  return { identifier: extra.name, extra, implicit: unit };
}

export interface SignedExtrinsic {
  /** With the length prefix: the bytes that its hash is over and that stand in the block. */
  readonly bytes: Uint8Array;
  readonly hash: string;
  readonly signer: Account;
  readonly signature: MultiSignature;
  readonly era: Era;
  readonly nonce: number;
  readonly tipRao: bigint;
  readonly metadataHashEnabled: boolean;
  readonly call: RuntimeCall;
  /** The bytes of the call, then those of the extra data: where the signed payload begins. */
  readonly signedBytes: Uint8Array;
}

/** Decodes a signed extrinsic with its length prefix. Throws `MalformedBytes`. */
export function decodeSigned(bytes: Uint8Array): SignedExtrinsic {
  const reader = new ScaleReader(bytes);
  if (Number(reader.compact()) !== reader.remaining) throw new MalformedBytes("the length prefix is wrong");
  const version = reader.u8();
  if (version !== (extrinsicVersion | signedBit))
    throw new MalformedBytes(`extrinsic version byte ${version} is not served`);
  const address = multiAddress.decode(reader);
  if (address.type !== "Id") throw new MalformedBytes("the signer is not an account id");
  const signature = multiSignature.decode(reader);
  const extraStart = reader.position;
  const mortality = era.decode(reader);
  const nonce = compactU32.decode(reader);
  const tipRao = compactU64.decode(reader);
  const { mode } = hashMode.decode(reader);
  const callStart = reader.position;
  const call = runtimeCall.decode(reader);
  if (reader.remaining > 0) throw new MalformedBytes("bytes follow the call");
  const signed = new Uint8Array(bytes.length - extraStart);
  signed.set(bytes.subarray(callStart));
  signed.set(bytes.subarray(extraStart, callStart), bytes.length - callStart);
  return {
    bytes,
    hash: hashOf(bytes),
    signer: address.value,
    signature,
    era: mortality,
    nonce,
    tipRao,
    metadataHashEnabled: mode.type === "Enabled",
    call,
    signedBytes: signed,
  };
}

/** What every signature of this chain is also over. */
export interface SigningContext {
  readonly specVersion: number;
  readonly transactionVersion: number;
  readonly genesisHash: string;
}

/** Whether the signature is the signer's, for an era that begins at the block with `birthHash`. */
export function isSignedBy(extrinsic: SignedExtrinsic, context: SigningContext, birthHash: string): boolean {
  const writer = new ScaleWriter();
  writer.raw(extrinsic.signedBytes);
  writer.u32(context.specVersion);
  writer.u32(context.transactionVersion);
  h256.encode(context.genesisHash, writer);
  h256.encode(birthHash, writer);
  // No metadata hash is served, so an extrinsic that claims to check one cannot be signed over it.
  option(h256).encode(null, writer);
  const payload = writer.bytes();
  const message = payload.length > 256 ? blake2AsU8a(payload, 256) : payload;
  const { type, value } = extrinsic.signature;
  const signature = Uint8Array.fromHex(value.slice(2));
  const publicKey = Uint8Array.fromHex(extrinsic.signer.slice(2));
  try {
    if (type === "Sr25519") return sr25519Verify(message, signature, publicKey);
    return type === "Ed25519" && ed25519Verify(message, signature, publicKey);
  } catch {
    // The libraries throw for bytes that are no signature or no point of the curve at all.
    return false;
  }
}

/** The bytes of an inherent, with the length prefix. */
export function encodeInherent(call: RuntimeCall): Uint8Array {
  return prefixed(Uint8Array.of(extrinsicVersion, ...encode(runtimeCall, call)));
}

/** Bytes after their compact length. */
export function prefixed(bytes: Uint8Array): Uint8Array {
  const writer = new ScaleWriter();
  writer.compact(bytes.length);
  writer.raw(bytes);
  return writer.bytes();
}

export function hashOf(bytes: Uint8Array): string {
  return `0x${blake2AsU8a(bytes, 256).toHex()}`;
}
