/**
 * Writes the chain's metadata, V14 and V15, from the tables of pallets, signed extensions and runtime APIs. Everything
 * that a client knows of this chain comes from here, as it would on the real one.
 */
import { type PortableRegistry, TypeRegistry } from "@polkadot/types";
import type { ApiTable } from "./apis/table.ts";
import { extrinsicVersion, signedExtensions } from "./extrinsic.ts";
import type { Pallet, StorageEntry } from "./pallet.ts";
import { runtimeCall, runtimeError, runtimeEvent } from "./pallets/index.ts";
import { type Description, TypeTable } from "./scale/table.ts";
import { bytes as byteList, encode, type ScaleType, tuple } from "./scale/type.ts";
import { multiAddress, multiSignature } from "./types/substrate.ts";

/** "meta" */
const magic = Uint8Array.of(0x6d, 0x65, 0x74, 0x61);

export interface Metadata {
  readonly v14: Uint8Array;
  readonly v15: Uint8Array;
}

/** The metadata of the runtime that has these pallets and APIs, each version with its magic and version byte. */
export function writeMetadata(pallets: readonly Pallet[], apis: ApiTable): Metadata {
  const table = new TypeTable();
  const written = pallets.map((pallet) => writePallet(table, pallet));
  const extrinsic = table.idOf(uncheckedExtrinsic(table));
  const address = table.idOf(multiAddress);
  const call = table.idOf(runtimeCall);
  const signature = table.idOf(multiSignature);
  const extensions = signedExtensions.map(({ identifier, extra, implicit }) => ({
    identifier,
    type: table.idOf(extra),
    additionalSigned: table.idOf(implicit),
  }));
  const outer = {
    callEnumType: call,
    eventEnumType: table.idOf(runtimeEvent),
    errorEnumType: table.idOf(runtimeError),
  };
  const writtenApis = writeApis(table, apis);
  const common = { lookup: { types: table.all().map(writeType) } };
  return {
    v14: serialise("MetadataV14", 14, {
      ...common,
      pallets: written,
      extrinsic: { type: extrinsic, version: extrinsicVersion, signedExtensions: extensions },
      type: call,
    }),
    v15: serialise("MetadataV15", 15, {
      ...common,
      pallets: written.map((pallet) => ({ ...pallet, docs: [] })),
      extrinsic: {
        version: extrinsicVersion,
        addressType: address,
        callType: call,
        signatureType: signature,
        extraType: extrinsic,
        signedExtensions: extensions,
      },
      type: call,
      apis: writtenApis,
      outerEnums: { callType: outer.callEnumType, eventType: outer.eventEnumType, errorType: outer.errorEnumType },
      custom: { map: new Map() },
    }),
  };
}

function serialise(type: "MetadataV14" | "MetadataV15", version: number, value: unknown): Uint8Array {
  const body = new TypeRegistry().createType<PortableRegistry>(type, value).toU8a();
  const bytes = new Uint8Array(magic.length + 1 + body.length);
  bytes.set(magic);
  bytes[magic.length] = version;
  bytes.set(body, magic.length + 1);
  return bytes;
}

function writeType({ path, params = [], def }: Description, id: number) {
  return { id, type: { path, params: params.map(([name, type]) => ({ name, type })), def, docs: [] } };
}

function writePallet(table: TypeTable, { name, index, storage, calls, events, errors, constants = {} }: Pallet) {
  const reference = (type: ScaleType<unknown> | undefined) => (type === undefined ? null : { type: table.idOf(type) });
  return {
    name,
    index,
    storage:
      storage === undefined
        ? null
        : { prefix: name, items: Object.entries(storage).map(([item, entry]) => writeEntry(table, item, entry)) },
    calls: reference(calls),
    events: reference(events),
    errors: reference(errors),
    constants: Object.entries(constants).map(([constant, { type, value }]) => ({
      name: constant,
      type: table.idOf(type),
      value: `0x${encode(type, value).toHex()}`,
      docs: [],
    })),
  };
}

function writeEntry(table: TypeTable, name: string, { keys, type, fallback }: StorageEntry<never, unknown, unknown>) {
  const value = table.idOf(type);
  const key = keys.length === 1 ? keys[0]!.type : tuple(...keys.map((each) => each.type));
  const hashers = keys.map(({ hasher }) => hasher);
  return {
    name,
    modifier: fallback === undefined ? "Optional" : "Default",
    type: keys.length === 0 ? { Plain: value } : { Map: { hashers, key: table.idOf(key), value } },
    fallback: fallback === undefined ? "0x00" : `0x${encode(type, fallback).toHex()}`,
    docs: [],
  };
}

function writeApis(table: TypeTable, apis: ApiTable) {
  return Object.entries(apis).map(([name, methods]) => ({
    name,
    methods: Object.entries(methods).map(([method, { inputs, output }]) => ({
      name: method,
      inputs: Object.entries(inputs).map(([input, type]) => ({ name: input, type: table.idOf(type) })),
      output: table.idOf(output),
      docs: [],
    })),
    docs: [],
  }));
}

/** V14 finds address, call and signature as parameters of the extrinsic's own type. */
function uncheckedExtrinsic(table: TypeTable): ScaleType<never> {
  return {
    name: "UncheckedExtrinsic",
    encode: () => {},
    decode: () => undefined as never,
    describe: () => ({
      path: ["sp_runtime", "generic", "unchecked_extrinsic", "UncheckedExtrinsic"],
      params: [
        ["Address", table.idOf(multiAddress)],
        ["Call", table.idOf(runtimeCall)],
        ["Signature", table.idOf(multiSignature)],
        ["Extra", table.idOf(tuple(...signedExtensions.map(({ extra }) => extra)))],
      ],
      def: { Composite: { fields: [{ type: table.idOf(byteList) }] } },
    }),
  };
}
