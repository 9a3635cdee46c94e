/**
 * Writes the chain's metadata, V14 and V15, from the tables of pallets, signed extensions and runtime APIs. Everything
 * that a client knows of this chain comes from here, as it would on the real one.
 */
import type { ApiTable } from "./apis/table.ts";
import { extrinsicVersion, signedExtensions } from "./extrinsic.ts";
import { metadataV14, metadataV15 } from "./metadata-format.ts";
import type { Pallet, StorageEntry } from "./pallet.ts";
import { runtimeCall, runtimeError, runtimeEvent } from "./pallets/index.ts";
import { type Description, type Field, type TypeDefinition, TypeTable } from "./scale/table.ts";
import { bytes, encode, type ScaleType, tuple, type ValueOf } from "./scale/type.ts";
import { multiAddress, multiSignature } from "./types/substrate.ts";

/** "meta" */
const magic = [0x6d, 0x65, 0x74, 0x61];
const docs: readonly string[] = [];

export interface Metadata {
  readonly v14: Uint8Array;
  readonly v15: Uint8Array;
}

type V15 = ValueOf<typeof metadataV15>;
type WrittenType = V15["types"][number];
type WrittenPallet = V15["pallets"][number];
type WrittenEntry = NonNullable<WrittenPallet["storage"]>["items"][number];

/** The metadata of the runtime that has these pallets and APIs, each version with its magic and version byte. */
export function writeMetadata(pallets: readonly Pallet[], apis: ApiTable): Metadata {
  const table = new TypeTable();
  const written = pallets.map((pallet) => writePallet(table, pallet));
  const whole = table.idOf(uncheckedExtrinsic);
  const extrinsic: V15["extrinsic"] = {
    version: extrinsicVersion,
    address: table.idOf(multiAddress),
    call: table.idOf(runtimeCall),
    signature: table.idOf(multiSignature),
    extra: table.idOf(allExtra),
    extensions: signedExtensions.map(({ identifier, extra, implicit }) => ({
      identifier,
      type: table.idOf(extra),
      additionalSigned: table.idOf(implicit),
    })),
  };
  const { version, extensions, call } = extrinsic;
  const outerEnums = { call, event: table.idOf(runtimeEvent), error: table.idOf(runtimeError) };
  const writtenApis = writeApis(table, apis);
  // The types come first in the bytes and are known last, when everything that names one has been written.
  const common = { types: table.all().map(writeType), pallets: written, runtime: call };
  return {
    v14: withMagic(14, encode(metadataV14, { ...common, extrinsic: { type: whole, version, extensions } })),
    v15: withMagic(15, encode(metadataV15, { ...common, extrinsic, apis: writtenApis, outerEnums, custom: [] })),
  };
}

function withMagic(version: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(...magic, version), body]);
}

function writeType({ path, params = [], def }: Description, id: number): WrittenType {
  return { id, path, params: params.map(([name, type]) => ({ name, type })), def: writeDefinition(def), docs };
}

function writeDefinition(def: TypeDefinition): WrittenType["def"] {
  switch (def.type) {
    case "Primitive":
      return { type: "Primitive", value: { type: def.value, value: null } };
    case "Composite":
      return { type: "Composite", value: def.value.map(writeField) };
    case "Variant":
      return {
        type: "Variant",
        value: def.value.map(({ name, index, fields }) => ({ name, index, fields: fields.map(writeField), docs })),
      };
    default:
      return def;
  }
}

function writeField({ name, type, typeName }: Field) {
  return { name: name ?? null, type, typeName: typeName ?? null, docs };
}

function writePallet(
  table: TypeTable,
  { name, index, storage, calls, events, errors, constants = {} }: Pallet,
): WrittenPallet {
  const reference = (type: ScaleType<unknown> | undefined) => (type === undefined ? null : table.idOf(type));
  const items = Object.entries(storage ?? {}).map(([item, entry]) => writeEntry(table, item, entry));
  return {
    name,
    index,
    storage: storage === undefined ? null : { prefix: name, items },
    calls: reference(calls),
    events: reference(events),
    errors: reference(errors),
    constants: Object.entries(constants).map(([constant, { type, value }]) => ({
      name: constant,
      type: table.idOf(type),
      value: encode(type, value),
      docs,
    })),
    docs,
  };
}

function writeEntry(table: TypeTable, name: string, entry: StorageEntry<never, unknown, unknown>): WrittenEntry {
  const { keys, type, fallback } = entry;
  const value = table.idOf(type);
  const key = keys.length === 1 ? keys[0]!.type : tuple(...keys.map((each) => each.type));
  const hashers = keys.map(({ hasher }) => ({ type: hasher, value: null }));
  return {
    name,
    modifier: { type: fallback === undefined ? "Optional" : "Default", value: null },
    type:
      keys.length === 0 ? { type: "Plain", value } : { type: "Map", value: { hashers, key: table.idOf(key), value } },
    fallback: fallback === undefined ? Uint8Array.of(0) : encode(type, fallback),
    docs,
  };
}

function writeApis(table: TypeTable, apis: ApiTable): V15["apis"] {
  return Object.entries(apis).map(([name, methods]) => ({
    name,
    methods: Object.entries(methods).map(([method, { inputs, output }]) => ({
      name: method,
      inputs: Object.entries(inputs).map(([input, type]) => ({ name: input, type: table.idOf(type) })),
      output: table.idOf(output),
      docs,
    })),
    docs,
  }));
}

const allExtra = tuple(...signedExtensions.map(({ extra }) => extra));

/** V14 finds address, call and signature as parameters of the extrinsic's own type, which nothing else needs. */
const uncheckedExtrinsic: ScaleType<Uint8Array> = {
  ...bytes,
  describe: (table) => ({
    path: ["sp_runtime", "generic", "unchecked_extrinsic", "UncheckedExtrinsic"],
    params: [
      ["Address", table.idOf(multiAddress)],
      ["Call", table.idOf(runtimeCall)],
      ["Signature", table.idOf(multiSignature)],
      ["Extra", table.idOf(allExtra)],
    ],
    def: { type: "Composite", value: [{ type: table.idOf(bytes) }] },
  }),
};
