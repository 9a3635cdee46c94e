/**
 * One version of the chain's runtime, as its own metadata describes it: storage keys and values, runtime API calls,
 * extrinsics, events and errors. Nothing here knows an index or a layout by heart; every name is looked up in what
 * @polkadot/api made of the metadata, and what does not fit it is refused.
 */
import { hexToU8a, stringCamelCase, u8aConcat, u8aToHex } from "@polkadot/util";
import { assert } from "../base/assert.ts";
import { FailureError, messageOf } from "../base/errors.ts";
import type { BlockHash } from "../subnet.ts";
import { type Api, type ApiSource, openApi } from "./api.ts";
import type { Ask, RuntimeVersion } from "./node.ts";
import { type Codec, metadataProblem, type Plain, plainOf } from "./plain.ts";

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

type StorageEntry = Api["query"][string][string];
type Extrinsic = ReturnType<Api["tx"][string][string]>;

/** What the library knows of a runtime API's call; its own types do not name it. */
interface ApiMeta {
  readonly name: string;
  readonly params: readonly { readonly type: string }[];
  readonly type: string;
}

/** The signed extensions that carry bytes in an extrinsic and that the library fills. */
const filledExtensions = new Set(["CheckMortality", "CheckNonce", "ChargeTransactionPayment", "CheckMetadataHash"]);

/** The multi-signature's variant of an sr25519 signature. */
const sr25519Prefix = Uint8Array.of(1);

/** Throws `FailureError` when the metadata has a layout that the library does not read. */
export async function openRuntime(ask: Ask, source: ApiSource): Promise<Runtime> {
  // Asked beforehand, since the library writes to the console about metadata that it cannot read.
  const problem = metadataProblem(source.metadata);
  if (problem === undefined) return new Runtime(source.version, await openApi(ask, source));
  const { specName, specVersion } = source.version;
  throw new FailureError(
    `The metadata of runtime ${specName}-${specVersion} has an unknown layout: ${problem}`,
    "Update this program, or use another endpoint.",
  );
}

export class Runtime {
  readonly #api: Api;

  constructor(
    readonly version: RuntimeVersion,
    api: Api,
  ) {
    this.#api = api;
  }

  hasStorage(path: string): boolean {
    return named(this.#api.query, path) !== undefined;
  }

  hasApi(path: string): boolean {
    return named(this.#api.call, path) !== undefined;
  }

  hasCall(path: string): boolean {
    return named(this.#api.tx, path) !== undefined;
  }

  /** The key of one value, or the prefix of all values under the given first keys. */
  storageKey(path: string, keys: readonly unknown[] = []): string {
    const entry = this.#storage(path);
    const { type } = entry.creator.meta;
    const isWhole = type.isPlain || keys.length === type.asMap.hashers.length;
    return isWhole ? entry.key(...keys) : entry.keyPrefix(...keys);
  }

  /** The keys that a storage key was made of; of those under a hasher that keeps nothing, the hash. */
  storageKeyParts(path: string, keyHex: string): readonly Plain[] {
    const { creator } = this.#storage(path);
    const { args } = this.#api.registry.createType("StorageKey", keyHex).setMeta(creator.meta);
    // The library leaves the parts out when they cannot be read.
    if (args === undefined) throw undecodable(path, `the key ${keyHex} is not one of its keys`);
    return args.map(plainOf);
  }

  /** A stored value; `null` (nothing stored) becomes the item's default, or null where it has none. */
  storageValue(path: string, valueHex: string | null): Plain {
    const { type, modifier, fallback } = this.#storage(path).creator.meta;
    if (valueHex === null && !modifier.isDefault) return null;
    const bytes = valueHex === null ? fallback.toU8a(true) : hexToU8a(valueHex);
    const valueType = this.#api.registry.createLookupType(type.isPlain ? type.asPlain : type.asMap.value);
    return this.#decode(valueType, bytes, path);
  }

  /** The method and parameter of `state_call` that ask a runtime API. */
  apiCall(path: string, args: readonly unknown[]): { readonly method: string; readonly params: string } {
    const { name, params } = this.#runtimeApi(path);
    const encoded = params.map(({ type }, index) => this.#api.registry.createTypeUnsafe(type, [args[index]]).toU8a());
    return { method: name, params: u8aToHex(u8aConcat(...encoded)) };
  }

  apiAnswer(path: string, answerHex: string): Plain {
    return this.#decode(this.#runtimeApi(path).type, hexToU8a(answerHex), path);
  }

  /** A constant of a pallet, or undefined where the runtime has none of that name. */
  constant(path: string): Plain | undefined {
    const constant = named(this.#api.consts, path);
    return constant === undefined ? undefined : plainOf(constant);
  }

  /**
   * An unsigned call from its arguments by name; the names are the metadata's own. Bytes are given as hex: a Uint8Array
   * would be read as bytes that are SCALE already.
   */
  extrinsic(path: string, args: Readonly<Record<string, unknown>>): Extrinsic {
    const call = named(this.#api.tx, path);
    if (call === undefined) throw this.#missing("call", path);
    const values = call.meta.fields.map((field) => {
      const argument = field.name.unwrap().toString();
      assert(
        Object.hasOwn(args, argument),
        `${path} needs the argument ${argument} in runtime ${this.version.specVersion}`,
      );
      return args[argument];
    });
    return call(...values);
  }

  /** Signs a call as a mortal extrinsic. Every extension of this runtime takes part as its metadata says. */
  sign(extrinsic: Extrinsic, signer: Signer, { nonce, genesisHash, birth, eraBlocks }: Signing): SignedExtrinsic {
    this.#refuseUnknownExtensions();
    const { registry, runtimeVersion } = this.#api;
    const keypair = {
      address: signer.ss58Address,
      addressRaw: signer.publicKey,
      publicKey: signer.publicKey,
      sign: (message: Uint8Array) => u8aConcat(sr25519Prefix, signer.sign(message)),
    };
    extrinsic.sign(keypair, {
      era: registry.createType("ExtrinsicEra", { current: birth.number, period: eraBlocks }),
      blockHash: birth.hash,
      genesisHash,
      nonce,
      runtimeVersion,
      signedExtensions: registry.signedExtensions,
    });
    return { hex: extrinsic.toHex(), hash: extrinsic.hash.toHex() };
  }

  /** The hash by which an extrinsic's encoded bytes are known. */
  extrinsicHash(hex: string): string {
    return this.#api.registry.hash(hexToU8a(hex)).toHex();
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
      const { name, docs } = this.#api.registry.findMetaError(Uint8Array.of(index, first));
      return { name, docs: docs.join(" ").trim() };
    } catch {
      return { name: `Module(${index}, ${first})`, docs: "" };
    }
  }

  /** The library reads a value from the front of the bytes; what it leaves over would be a layout misunderstood. */
  #decode(type: string, bytes: Uint8Array, path: string): Plain {
    let codec: Codec;
    try {
      codec = this.#api.registry.createTypeUnsafe(type, [bytes]);
    } catch (error) {
      throw undecodable(path, messageOf(error));
    }
    if (codec.encodedLength !== bytes.length)
      throw undecodable(path, `${bytes.length} bytes where ${codec.encodedLength} were expected`);
    return plainOf(codec);
  }

  /**
   * An extension of unknown meaning may only be left empty: anything else would sign what nobody understood. The
   * library leaves out every extension that it does not know.
   */
  #refuseUnknownExtensions(): void {
    const { registry, runtimeMetadata } = this.#api;
    const unknown = runtimeMetadata.asLatest.extrinsic.transactionExtensions
      .filter(({ type }) => registry.createTypeUnsafe(registry.createLookupType(type), []).encodedLength > 0)
      .map(({ identifier }) => identifier.toString())
      .filter((name) => !filledExtensions.has(name));
    if (unknown.length > 0)
      throw new FailureError(
        `Runtime ${this.version.specVersion} asks for signed extensions that this program does not know: ${unknown.join(", ")}.`,
        "Update this program before it signs for this chain.",
      );
  }

  #storage(path: string): StorageEntry {
    const entry = named(this.#api.query, path);
    if (entry === undefined) throw this.#missing("storage item", path);
    return entry;
  }

  #runtimeApi(path: string): ApiMeta {
    const call = named(this.#api.call, path);
    if (call === undefined) throw this.#missing("runtime API", path);
    return (call as unknown as { readonly meta: ApiMeta }).meta;
  }

  #missing(what: string, path: string): FailureError {
    return new FailureError(
      `The runtime ${this.version.specName}-${this.version.specVersion} has no ${what} ${path}.`,
      "This chain is not a subtensor, or one that is too old or too new for this program.",
    );
  }
}

/** The library's item of a path in the metadata's own spelling: `SubtensorModule.Tempo` is subtensorModule.tempo there. */
function named<T>(sections: Readonly<Record<string, Readonly<Record<string, T>>>>, path: string): T | undefined {
  const [section, name] = path.split(".").map((part) => stringCamelCase(part)) as [string, string];
  return sections[section]?.[name];
}

function undecodable(path: string, detail: string): FailureError {
  return new FailureError(
    `The node's answer for ${path} does not fit its own metadata: ${detail}.`,
    "Use another endpoint; this one is faulty.",
  );
}
