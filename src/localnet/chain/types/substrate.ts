/** The types that every Substrate chain has: accounts, addresses, digests, dispatch results, events' phases. */
import { ScaleReader } from "../scale/bytes.ts";
import {
  array,
  bytes,
  compactU32,
  compactU64,
  described,
  fixedHex,
  i64,
  i128,
  type ScaleType,
  struct,
  text,
  tuple,
  u8,
  u16,
  u32,
  u64,
  u128,
  unit,
  type ValueOf,
  vec,
  wrapper,
} from "../scale/type.ts";
import { bare, single, unnamed, variants } from "../scale/variant.ts";

/** A public key as 0x-hex. */
export type Account = string;

export const accountId: ScaleType<Account> = wrapper("sp_core::crypto::AccountId32", fixedHex(32));
export const h256 = wrapper("primitive_types::H256", fixedHex(32));
export const zeroAccount: Account = `0x${"00".repeat(32)}`;
export const zeroHash = `0x${"00".repeat(32)}`;

const plainMultiAddress = variants("sp_runtime::multiaddress::MultiAddress", {
  Id: single(0, accountId),
  Index: single(1, compactOfUnit()),
  Raw: single(2, bytes),
  Address32: single(3, fixedHex(32)),
  Address20: single(4, fixedHex(20)),
});
/** Clients find the account's type as this type's first parameter. */
export const multiAddress = described(plainMultiAddress, (table) => ({
  ...plainMultiAddress.describe(table),
  params: [
    ["AccountId", table.idOf(accountId)],
    ["AccountIndex", table.idOf(unit)],
  ],
}));

/** The runtime's account index is the empty tuple; nothing follows the variant byte. */
function compactOfUnit(): ScaleType<null> {
  return described(unit, (table) => ({ path: [], def: { type: "Compact", value: table.idOf(unit) } }));
}

export const multiSignature = variants("sp_runtime::MultiSignature", {
  Ed25519: single(0, fixedHex(64)),
  Sr25519: single(1, fixedHex(64)),
  Ecdsa: single(2, fixedHex(65)),
});
export type MultiSignature = ValueOf<typeof multiSignature>;

export const weight = struct("sp_weights::weight_v2::Weight", { ref_time: compactU64, proof_size: compactU64 });
export const dispatchClass = variants("frame_support::dispatch::DispatchClass", {
  Normal: bare(0),
  Operational: bare(1),
  Mandatory: bare(2),
});
export const dispatchInfo = struct("frame_system::DispatchEventInfo", {
  weight,
  class: dispatchClass,
  pays_fee: variants("frame_support::dispatch::Pays", { Yes: bare(0), No: bare(1) }),
});

export const moduleError = struct("sp_runtime::ModuleError", { index: u8, error: fixedHex(4) });
export const dispatchError = variants("sp_runtime::DispatchError", {
  Other: bare(0),
  CannotLookup: bare(1),
  BadOrigin: bare(2),
  Module: single(3, moduleError),
  ConsumerRemaining: bare(4),
  NoProviders: bare(5),
  TooManyConsumers: bare(6),
  Token: single(
    7,
    variants("sp_runtime::TokenError", {
      FundsUnavailable: bare(0),
      OnlyProvider: bare(1),
      BelowMinimum: bare(2),
      CannotCreate: bare(3),
      UnknownAsset: bare(4),
      Frozen: bare(5),
      Unsupported: bare(6),
      CannotCreateHold: bare(7),
      NotExpendable: bare(8),
      Blocked: bare(9),
    }),
  ),
  Arithmetic: single(
    8,
    variants("sp_arithmetic::ArithmeticError", { Underflow: bare(0), Overflow: bare(1), DivisionByZero: bare(2) }),
  ),
  Transactional: single(9, variants("sp_runtime::TransactionalError", { LimitReached: bare(0), NoLayer: bare(1) })),
  Exhausted: bare(10),
  Corruption: bare(11),
  Unavailable: bare(12),
  RootNotAllowed: bare(13),
  Trie: single(
    14,
    variants("sp_runtime::proving_trie::TrieError", {
      InvalidStateRoot: bare(0),
      IncompleteDatabase: bare(1),
      ValueAtIncompleteKey: bare(2),
      DecoderError: bare(3),
      InvalidHash: bare(4),
      DuplicateKey: bare(5),
      ExtraneousNode: bare(6),
      ExtraneousValue: bare(7),
      ExtraneousHashReference: bare(8),
      InvalidChildReference: bare(9),
      ValueMismatch: bare(10),
      IncompleteProof: bare(11),
      RootMismatch: bare(12),
      DecodeError: bare(13),
    }),
  ),
});
export type DispatchError = ValueOf<typeof dispatchError>;

export const phase = variants("frame_system::Phase", {
  ApplyExtrinsic: single(0, u32),
  Finalization: bare(1),
  Initialization: bare(2),
});
export type Phase = ValueOf<typeof phase>;

export const digestItem = variants("sp_runtime::generic::digest::DigestItem", {
  Other: single(0, bytes),
  Consensus: unnamed(4, fixedHex(4), bytes),
  Seal: unnamed(5, fixedHex(4), bytes),
  PreRuntime: unnamed(6, fixedHex(4), bytes),
  RuntimeEnvironmentUpdated: bare(8),
});
export const digest = struct("sp_runtime::generic::digest::Digest", { logs: vec(digestItem) });

export const accountData = struct("pallet_balances::types::AccountData", {
  free: u64,
  reserved: u64,
  frozen: u64,
  flags: wrapper("pallet_balances::types::ExtraFlags", u128),
});
export const accountInfo = struct("frame_system::AccountInfo", {
  nonce: u32,
  consumers: u32,
  providers: u32,
  sufficients: u32,
  data: accountData,
});
export type AccountInfo = ValueOf<typeof accountInfo>;
export const noAccount: AccountInfo = {
  nonce: 0,
  consumers: 0,
  providers: 0,
  sufficients: 0,
  data: { free: 0n, reserved: 0n, frozen: 0n, flags: 1n << 127n },
};

const cowText = described(text, (table) => ({
  path: ["Cow"],
  params: [["T", table.idOf(text)]],
  def: { type: "Composite", value: [{ type: table.idOf(text) }] },
}));
const apiVersions = vec(tuple(fixedHex(8), u32));
const cowApis = described(apiVersions, (table) => ({
  path: ["Cow"],
  params: [["T", table.idOf(apiVersions)]],
  def: { type: "Composite", value: [{ type: table.idOf(apiVersions) }] },
}));
export const runtimeVersion = struct("sp_version::RuntimeVersion", {
  spec_name: cowText,
  impl_name: cowText,
  authoring_version: u32,
  spec_version: u32,
  impl_version: u32,
  apis: cowApis,
  transaction_version: u32,
  system_version: u8,
});
export type RuntimeVersion = ValueOf<typeof runtimeVersion>;
export const lastRuntimeUpgrade = struct("frame_system::LastRuntimeUpgradeInfo", {
  spec_version: compactU32,
  spec_name: cowText,
});

/** Binary fixed point; the value is its bits. */
export const fixedU128 = struct("substrate_fixed::FixedU128", { bits: u128 });
export const fixedI128 = struct("substrate_fixed::FixedI128", { bits: i128 });
export const fixedI64 = struct("substrate_fixed::FixedI64", { bits: i64 });

/** How long an extrinsic stays valid: for ever, or `period` blocks (a power of two) from its birth. */
export type Era =
  | { readonly type: "Immortal" }
  | { readonly type: "Mortal"; readonly period: number; readonly phase: number };

/** An era is one byte 0, or two bytes; the metadata describes the first byte's 256 values as variants. */
export const era: ScaleType<Era> = {
  name: "Era",
  encode: (value, to) => {
    if (value.type === "Immortal") return to.u8(0);
    const quantum = Math.max(1, value.period >> 12);
    to.u16(Math.min(15, Math.max(1, Math.log2(value.period) - 1)) | ((value.phase / quantum) << 4));
  },
  decode: (from) => {
    const first = from.u8();
    if (first === 0) return { type: "Immortal" };
    const both = first | (from.u8() << 8);
    const period = 2 << (both & 15);
    return { type: "Mortal", period, phase: (both >> 4) * Math.max(1, period >> 12) };
  },
  describe: (table) => ({
    path: ["sp_runtime", "generic", "era", "Era"],
    def: {
      type: "Variant",
      value: Array.from({ length: 256 }, (_, index) => ({
        name: index === 0 ? "Immortal" : `Mortal${index}`,
        index,
        fields: index === 0 ? [] : [{ type: table.idOf(u8) }],
      })),
    },
  }),
};

/** The block that a mortal era begins at, seen from `block`. */
export function eraBirth(value: Era, block: number): number {
  if (value.type === "Immortal") return 0;
  return Math.floor((Math.max(block, value.phase) - value.phase) / value.period) * value.period + value.phase;
}

export const header = struct("sp_runtime::generic::header::Header", {
  parentHash: h256,
  number: compactU32,
  stateRoot: h256,
  extrinsicsRoot: h256,
  digest,
});
export type Header = ValueOf<typeof header>;

/** An opaque extrinsic as a runtime API takes it: the bytes after the length prefix, or with it. */
export const opaqueExtrinsic: ScaleType<Uint8Array> = described(bytes, (table) => ({
  path: ["sp_runtime", "OpaqueExtrinsic"],
  def: { type: "Composite", value: [{ type: table.idOf(bytes), typeName: "Vec<u8>" }] },
}));

export const pair = array(u16, 2);

/** A reader over 0x-hex. */
export function readerOf(hex: string): ScaleReader {
  return new ScaleReader(Uint8Array.fromHex(hex.slice(2)));
}
