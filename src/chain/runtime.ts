/**
 * One version of the chain's runtime, as its own metadata describes it: storage keys and values, runtime API calls,
 * extrinsics, events and errors. Nothing here knows an index or a layout by heart; every name is looked up.
 */
import { Metadata, TypeRegistry } from "@polkadot/types";
import type { StorageEntryMetadataLatest } from "@polkadot/types/interfaces";
import type { Codec } from "@polkadot/types/types";
import { hexToU8a, u8aConcat, u8aToHex } from "@polkadot/util";
import { blake2AsHex, blake2AsU8a, xxhashAsU8a } from "@polkadot/util-crypto";
import { FailureError, messageOf } from "../base/errors.ts";
import type { BlockHash } from "../subnet.ts";
import { type Plain, plainOf } from "./plain.ts";

export interface RuntimeVersion {
  readonly specName: string;
  readonly specVersion: number;
  readonly transactionVersion: number;
}

/** A key that signs: the part of a keypair that an extrinsic needs (sr25519). */
export interface Signer {
  readonly ss58Address: string;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** An event of a block; `extrinsicIndex` is null for what the block itself did. */
export interface ChainEvent {
  readonly pallet: string;
  readonly name: string;
  readonly extrinsicIndex: number | null;
  readonly data: readonly Plain[] | { readonly [key: string]: Plain };
}

/** What a signature covers besides the call. */
export interface Signing {
  readonly nonce: number;
  readonly genesisHash: BlockHash;
  /** The era's first block: its number and hash. */
  readonly birth: { readonly number: number; readonly hash: BlockHash };
  readonly eraBlocks: number;
}

export interface SignedExtrinsic {
  readonly hex: string;
  readonly hash: string;
}

type Hasher = (encoded: Uint8Array) => Uint8Array;
type Lookup = Parameters<TypeRegistry["createLookupType"]>[0];

const hashers: Readonly<
  Record<string, { readonly hash: Hasher; readonly prefixBytes: number; readonly keeps: boolean }>
> = {
  Identity: { hash: (encoded) => encoded, prefixBytes: 0, keeps: true },
  Blake2_128: { hash: (encoded) => blake2AsU8a(encoded, 128), prefixBytes: 16, keeps: false },
  Blake2_256: { hash: (encoded) => blake2AsU8a(encoded, 256), prefixBytes: 32, keeps: false },
  Blake2_128Concat: { hash: (encoded) => u8aConcat(blake2AsU8a(encoded, 128), encoded), prefixBytes: 16, keeps: true },
  Twox128: { hash: (encoded) => xxhashAsU8a(encoded, 128), prefixBytes: 16, keeps: false },
  Twox256: { hash: (encoded) => xxhashAsU8a(encoded, 256), prefixBytes: 32, keeps: false },
  Twox64Concat: { hash: (encoded) => u8aConcat(xxhashAsU8a(encoded, 64), encoded), prefixBytes: 8, keeps: true },
};

/** The signed extensions that carry bytes in an extrinsic and that `sign` fills. */
const filledExtensions = new Set(["CheckMortality", "CheckNonce", "ChargeTransactionPayment", "CheckMetadataHash"]);

/** A storage item's shape: the hashers and types of its keys, in order, and its value's type. */
interface StorageShape {
  readonly prefix: Uint8Array;
  readonly keys: readonly { readonly hasher: string; readonly type: string }[];
  readonly valueType: string;
  readonly fallback: Uint8Array | null;
}

export class Runtime {
  readonly #registry = new TypeRegistry();
  readonly #metadata: Metadata;
  readonly #shapes = new Map<string, StorageShape>();

  /** @param metadataHex the SCALE bytes of any version from 14 up, "meta" prefix included */
  constructor(
    readonly version: RuntimeVersion,
    metadataHex: string,
  ) {
    try {
      this.#metadata = new Metadata(this.#registry, metadataHex as `0x${string}`);
      this.#registry.setMetadata(this.#metadata, undefined, undefined, true);
      // The library reads nothing at all as metadata without pallets.
      if (!this.hasStorage("System.Account")) throw new Error("there is no System pallet");
    } catch (error) {
      throw new FailureError(
        `The metadata of runtime ${version.specName}-${version.specVersion} has an unknown layout: ${messageOf(error)}`,
        "Update this program, or use another endpoint.",
      );
    }
  }

  hasStorage(path: string): boolean {
    return this.#entry(path) !== undefined;
  }

  hasApi(path: string): boolean {
    return this.#api(path) !== undefined;
  }

  hasCall(path: string): boolean {
    const [pallet, name] = split(path);
    const calls = this.#pallet(pallet)?.calls;
    if (calls === undefined || calls.isNone) return false;
    const variants = this.#registry.lookup.getSiType(calls.unwrap().type).def.asVariant.variants;
    return variants.some((variant) => variant.name.toString() === name);
  }

  /** The key of one value, or the prefix of all values under the given first keys. */
  storageKey(path: string, keys: readonly unknown[] = []): string {
    const shape = this.#shape(path);
    const hashed = keys.map((key, index) => {
      const { hasher, type } = shape.keys[index]!;
      return hashers[hasher]!.hash(this.#registry.createTypeUnsafe(type, [key]).toU8a());
    });
    return u8aToHex(u8aConcat(shape.prefix, ...hashed));
  }

  /** The keys that a storage key was made of; those under a hasher that keeps nothing are null. */
  storageKeyParts(path: string, keyHex: string): readonly Plain[] {
    const shape = this.#shape(path);
    const bytes = hexToU8a(keyHex);
    let offset = shape.prefix.length;
    return shape.keys.map(({ hasher, type }) => {
      const { prefixBytes, keeps } = hashers[hasher]!;
      offset += prefixBytes;
      if (!keeps) return null;
      const decoded = this.#create(type, bytes.subarray(offset), path);
      offset += decoded.encodedLength;
      return plainOf(decoded);
    });
  }

  /** A stored value; `null` (nothing stored) becomes the item's default, or null where it has none. */
  storageValue(path: string, valueHex: string | null): Plain {
    const shape = this.#shape(path);
    if (valueHex === null && shape.fallback === null) return null;
    const bytes = valueHex === null ? shape.fallback! : hexToU8a(valueHex);
    return this.#decode(shape.valueType, bytes, path);
  }

  /** The SCALE bytes of a runtime API call's arguments, and how to read its answer. */
  apiCall(path: string, args: readonly unknown[]): { readonly method: string; readonly params: string } {
    const method = this.#api(path);
    if (method === undefined) throw this.#missing("runtime API", path);
    const encoded = method.inputs.map((input, index) =>
      this.#registry.createTypeUnsafe(this.#typeName(input.type), [args[index]]).toU8a(),
    );
    return { method: path.replace(".", "_"), params: u8aToHex(u8aConcat(...encoded)) };
  }

  apiAnswer(path: string, answerHex: string): Plain {
    const method = this.#api(path);
    if (method === undefined) throw this.#missing("runtime API", path);
    return this.#decode(this.#typeName(method.output), hexToU8a(answerHex), path);
  }

  /** A constant of a pallet, or undefined where the runtime has none of that name. */
  constant(path: string): Plain | undefined {
    const [pallet, name] = split(path);
    const constant = this.#pallet(pallet)?.constants.find((candidate) => candidate.name.toString() === name);
    return constant === undefined
      ? undefined
      : this.#decode(this.#typeName(constant.type), constant.value.toU8a(true), path);
  }

  /**
   * A call's SCALE bytes from its arguments by name; the names are the metadata's own. Bytes are given as hex: a
   * Uint8Array would be read as bytes that are SCALE already.
   */
  encodeCall(path: string, args: Readonly<Record<string, unknown>>): Uint8Array {
    const [pallet, name] = split(path);
    const entry = this.#pallet(pallet);
    if (entry === undefined || entry.calls.isNone || !this.hasCall(path)) throw this.#missing("call", path);
    const variant = this.#registry.lookup
      .getSiType(entry.calls.unwrap().type)
      .def.asVariant.variants.find((candidate) => candidate.name.toString() === name)!;
    const encoded = variant.fields.map((field) => {
      const argument = field.name.unwrap().toString();
      if (!Object.hasOwn(args, argument))
        throw new Error(
          `assertion failed: ${path} needs the argument ${argument} in runtime ${this.version.specVersion}`,
        );
      return this.#registry.createTypeUnsafe(this.#typeName(field.type), [args[argument]]).toU8a();
    });
    return u8aConcat(new Uint8Array([entry.index.toNumber(), variant.index.toNumber()]), ...encoded);
  }

  /** A signed, mortal extrinsic. Every extension of this runtime takes part as its metadata says. */
  sign(call: Uint8Array, signer: Signer, signing: Signing): SignedExtrinsic {
    this.#refuseUnknownExtensions();
    const era = this.#registry.createType("ExtrinsicEra", { current: signing.birth.number, period: signing.eraBlocks });
    const fields = {
      method: u8aToHex(call),
      era: era.toHex(),
      nonce: signing.nonce,
      tip: 0,
      specVersion: this.version.specVersion,
      transactionVersion: this.version.transactionVersion,
      genesisHash: signing.genesisHash,
      blockHash: signing.birth.hash,
      mode: 0,
      metadataHash: null,
    };
    const payload = this.#registry.createType("ExtrinsicPayload", fields, { version: 4 });
    const bytes = payload.toU8a({ method: true });
    const signature = signer.sign(bytes.length > 256 ? blake2AsU8a(bytes, 256) : bytes);
    const extrinsic = this.#registry.createType("Extrinsic", this.#registry.createType("Call", call), { version: 4 });
    extrinsic.addSignature(signer.ss58Address, u8aToHex(u8aConcat(new Uint8Array([1]), signature)), fields as never);
    const encoded = extrinsic.toU8a();
    return { hex: u8aToHex(encoded), hash: blake2AsHex(encoded, 256) };
  }

  /** The hash by which an extrinsic's encoded bytes are known. */
  extrinsicHash(hex: string): string {
    return blake2AsHex(hex, 256);
  }

  /** The events of a block, from the value of System.Events. */
  events(valueHex: string | null): readonly ChainEvent[] {
    const records = this.storageValue("System.Events", valueHex) as readonly Record<string, Plain>[];
    return records.map((record) => {
      const phase = record.phase as { kind: string; value: Plain };
      const { pallet, name, data } = record.event as unknown as Omit<ChainEvent, "extrinsicIndex">;
      return { pallet, name, data, extrinsicIndex: phase.kind === "ApplyExtrinsic" ? (phase.value as number) : null };
    });
  }

  /** The name and documentation of a dispatch error: the pallet's own for a module error, else the error's kind. */
  dispatchError(error: { readonly kind: string; readonly value: Plain }): {
    readonly name: string;
    readonly docs: string;
  } {
    if (error.kind !== "Module") {
      const inner = error.value as { kind?: string } | null;
      return { name: inner?.kind === undefined ? error.kind : `${error.kind}.${inner.kind}`, docs: "" };
    }
    // Before 2022 the code was one byte; now it is four, of which the pallet's own error is the first.
    const { index, error: code } = error.value as { index: number; error: Uint8Array | number };
    const first = typeof code === "number" ? code : (code[0] ?? 0);
    try {
      const meta = this.#registry.findMetaError(Uint8Array.of(index, first));
      return { name: meta.name, docs: meta.docs.join(" ").trim() };
    } catch {
      return { name: `Module(${index}, ${first})`, docs: "" };
    }
  }

  #decode(type: string, bytes: Uint8Array, path: string): Plain {
    const codec = this.#create(type, bytes, path);
    if (codec.encodedLength !== bytes.length)
      throw this.#undecodable(path, `${bytes.length} bytes where ${codec.encodedLength} were expected`);
    return plainOf(codec);
  }

  #create(type: string, bytes: Uint8Array, path: string): Codec {
    try {
      return this.#registry.createTypeUnsafe(type, [bytes]);
    } catch (error) {
      throw this.#undecodable(path, messageOf(error));
    }
  }

  /** An extension of unknown meaning may only be left empty: anything else would sign what nobody understood. */
  #refuseUnknownExtensions(): void {
    const unknown = this.#metadata.asLatest.extrinsic.transactionExtensions
      .filter(({ type }) => this.#registry.createTypeUnsafe(this.#typeName(type), []).encodedLength > 0)
      .map(({ identifier }) => identifier.toString())
      .filter((name) => !filledExtensions.has(name));
    if (unknown.length > 0)
      throw new FailureError(
        `Runtime ${this.version.specVersion} asks for signed extensions that this program does not know: ${unknown.join(", ")}.`,
        "Update this program before it signs for this chain.",
      );
  }

  #shape(path: string): StorageShape {
    const cached = this.#shapes.get(path);
    if (cached !== undefined) return cached;
    const entry = this.#entry(path);
    if (entry === undefined) throw this.#missing("storage item", path);
    const [pallet, name] = split(path);
    const prefixName = this.#pallet(pallet)!.storage.unwrap().prefix.toString();
    const shape: StorageShape = {
      prefix: u8aConcat(xxhashAsU8a(prefixName, 128), xxhashAsU8a(name, 128)),
      keys: this.#keyShapes(entry),
      valueType: this.#typeName(entry.type.isPlain ? entry.type.asPlain : entry.type.asMap.value),
      fallback: entry.modifier.isDefault ? entry.fallback.toU8a(true) : null,
    };
    this.#shapes.set(path, shape);
    return shape;
  }

  #keyShapes(entry: StorageEntryMetadataLatest): StorageShape["keys"] {
    if (entry.type.isPlain) return [];
    const { hashers: names, key } = entry.type.asMap;
    const types = names.length === 1 ? [key] : [...this.#registry.lookup.getSiType(key).def.asTuple];
    return names.map((hasher, index) => ({ hasher: hasher.type, type: this.#typeName(types[index]!) }));
  }

  #typeName(id: Lookup): string {
    return this.#registry.createLookupType(id);
  }

  #pallet(name: string) {
    return this.#metadata.asLatest.pallets.find((pallet) => pallet.name.toString() === name);
  }

  #entry(path: string): StorageEntryMetadataLatest | undefined {
    const [pallet, name] = split(path);
    const storage = this.#pallet(pallet)?.storage;
    return storage === undefined || storage.isNone
      ? undefined
      : storage.unwrap().items.find((item) => item.name.toString() === name);
  }

  #api(path: string) {
    const [name, method] = split(path);
    const apis = this.#metadata.asLatest.apis;
    return apis
      .find((api) => api.name.toString() === name)
      ?.methods.find((candidate) => candidate.name.toString() === method);
  }

  #missing(what: string, path: string): FailureError {
    return new FailureError(
      `The runtime ${this.version.specName}-${this.version.specVersion} has no ${what} ${path}.`,
      "This chain is not a subtensor, or one that is too old or too new for this program.",
    );
  }

  #undecodable(path: string, detail: string): FailureError {
    return new FailureError(
      `The node's answer for ${path} does not fit its own metadata: ${detail}.`,
      "Use another endpoint; this one is faulty.",
    );
  }
}

function split(path: string): [string, string] {
  const at = path.indexOf(".");
  return [path.slice(0, at), path.slice(at + 1)];
}
