/** What a hotkey commits: up to three fields of data. */

import { MalformedBytes } from "../scale/bytes.ts";
import type { TypeTable } from "../scale/table.ts";
import { boundedBytes, boundedVec, fixedHex, type ScaleType, struct, u32, u64 } from "../scale/type.ts";

export const timelockedSizeBytesMax = 1024;
export const bigRawSizeBytesMax = 512;
const rawSizeBytesMax = 128;
const timelockedBytes = boundedBytes(timelockedSizeBytesMax);
const bigRawBytes = boundedBytes(bigRawSizeBytesMax);
const hashNames = ["BlakeTwo256", "Sha256", "Keccak256", "ShaThree256"] as const;

/** One field. `Raw` stands for the runtime's Raw0 … Raw128, whose variant says the length. */
export type Data =
  | { readonly type: "None" }
  | { readonly type: "Raw"; readonly bytes: Uint8Array }
  | { readonly type: "Hash"; readonly name: (typeof hashNames)[number]; readonly hash: string }
  | { readonly type: "TimelockEncrypted"; readonly encrypted: Uint8Array; readonly revealRound: bigint }
  | { readonly type: "ResetBondsFlag" }
  | { readonly type: "BigRaw"; readonly bytes: Uint8Array };

const hash32 = fixedHex(32);

export const data: ScaleType<Data> = {
  name: "Data",
  encode: (value, to) => {
    switch (value.type) {
      case "None":
        return to.u8(0);
      case "Raw":
        to.u8(1 + value.bytes.length);
        return to.raw(value.bytes);
      case "Hash":
        to.u8(130 + hashNames.indexOf(value.name));
        return hash32.encode(value.hash, to);
      case "TimelockEncrypted":
        to.u8(134);
        timelockedBytes.encode(value.encrypted, to);
        return to.u64(value.revealRound);
      case "ResetBondsFlag":
        return to.u8(135);
      case "BigRaw":
        to.u8(136);
        return bigRawBytes.encode(value.bytes, to);
    }
  },
  decode: (from) => {
    const index = from.u8();
    if (index === 0) return { type: "None" };
    if (index <= 1 + rawSizeBytesMax) return { type: "Raw", bytes: from.raw(index - 1) };
    if (index <= 133) return { type: "Hash", name: hashNames[index - 130]!, hash: hash32.decode(from) };
    if (index === 134) {
      return { type: "TimelockEncrypted", encrypted: timelockedBytes.decode(from), revealRound: from.u64() };
    }
    if (index === 135) return { type: "ResetBondsFlag" };
    if (index === 136) return { type: "BigRaw", bytes: bigRawBytes.decode(from) };
    throw new MalformedBytes(`Data has no variant ${index}`);
  },
  describe: (table) => ({
    path: ["pallet_commitments", "types", "Data"],
    def: { type: "Variant", value: describeVariants(table) },
  }),
};

/** Raw sizes are arrays of `u8`, each a type of its own. */
const rawTypes = Array.from({ length: rawSizeBytesMax + 1 }, (_, size) => fixedHex(size));

function describeVariants(table: TypeTable) {
  const unnamed = (name: string, index: number, type: ScaleType<unknown>) => ({
    name,
    index,
    fields: [{ type: table.idOf(type), typeName: type.name }],
  });
  return [
    { name: "None", index: 0, fields: [] },
    ...rawTypes.map((type, size) => unnamed(`Raw${size}`, 1 + size, type)),
    ...hashNames.map((name, at) => unnamed(name, 130 + at, hash32)),
    {
      name: "TimelockEncrypted",
      index: 134,
      fields: [
        { name: "encrypted", type: table.idOf(timelockedBytes), typeName: timelockedBytes.name },
        { name: "reveal_round", type: table.idOf(u64), typeName: "u64" },
      ],
    },
    { name: "ResetBondsFlag", index: 135, fields: [] },
    unnamed("BigRaw", 136, bigRawBytes),
  ];
}

/** How many bytes of the space budget a field takes. */
export function sizeBytesOf(field: Data): number {
  switch (field.type) {
    case "None":
    case "ResetBondsFlag":
      return 0;
    case "Raw":
    case "BigRaw":
      return field.bytes.length;
    case "Hash":
      return 32;
    case "TimelockEncrypted":
      return field.encrypted.length;
  }
}

export const fieldCountMax = 3;
export const commitmentInfo = struct("pallet_commitments::types::CommitmentInfo", {
  fields: boundedVec(data, fieldCountMax),
});
export const registration = struct("pallet_commitments::types::Registration", {
  deposit: u64,
  block: u32,
  info: commitmentInfo,
});
export const usageTracker = struct("pallet_commitments::types::UsageTracker", { last_epoch: u64, used_space: u64 });
