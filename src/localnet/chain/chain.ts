/** The chain itself, without a network: blocks at a pace, a pool, states of earlier blocks, and listeners. */
import { blake2AsU8a } from "@polkadot/util-crypto";
import { OperatorError } from "../../base/errors.ts";
import type { ApiTable } from "./apis/table.ts";
import { LocalBeacon } from "./beacon.ts";
import { type BuiltBlock, bodyType, buildBlock, chainRoot } from "./block.ts";
import { ChainDatabase, type StoredBlock } from "./database.ts";
import { decodeSigned, extrinsicSizeBytesMax, hashOf, isSignedBy, type SignedExtrinsic } from "./extrinsic.ts";
import { type Genesis, writeGenesis } from "./genesis.ts";
import { type Metadata, writeMetadata } from "./metadata.ts";
import { palletsOf, timestampStorage } from "./pallets/index.ts";
import { systemStorage } from "./pallets/system.ts";
import { invalid, Pool, type Rejection } from "./pool.ts";
import { MalformedBytes } from "./scale/bytes.ts";
import { decode, encode } from "./scale/type.ts";
import { Shield } from "./shield.ts";
import { State, type StateView } from "./state.ts";
import { eraBirth, type Header, header, type RuntimeVersion, zeroHash } from "./types/substrate.ts";

export interface ChainOptions {
  /** Where `chain.sqlite` is kept; undefined: nowhere, the chain lives as long as the process. */
  readonly folder: string | undefined;
  readonly blockMs: number;
  /** How many blocks back the state stays readable. */
  readonly historyBlocks: number;
  /** How many blocks must stand on one before it is final: 0, unless reorgs are wanted. */
  readonly finalityLagBlocks: number;
  readonly genesis: Genesis;
  readonly apis: ApiTable;
}

/** A block as clients ask for it. */
export interface Block {
  readonly number: number;
  readonly hash: string;
  readonly header: Header;
}

/** What listeners hear once a block is on disk. */
export type BlockListener = (block: BuiltBlock) => void;
/** What becomes of an extrinsic: it is over with "invalid" and "finalized". */
export type Fate =
  | { readonly type: "inBlock" | "retracted" | "finalized"; readonly block: string }
  | { readonly type: "invalid" };

/** The runtime that this chain stands for. */
export const version: RuntimeVersion = {
  spec_name: "node-subtensor",
  impl_name: "node-subtensor",
  authoring_version: 1,
  spec_version: 424,
  impl_version: 1,
  apis: [],
  transaction_version: 1,
  system_version: 1,
};

/** Versions of runtime APIs that are not 1; clients look at them before they call. */
const apiVersions: Readonly<Record<string, number>> = { Core: 5, Metadata: 2, TransactionPaymentApi: 4 };

export class Chain {
  readonly metadata: Metadata;
  readonly genesisHash: string;
  readonly blockMs: number;
  readonly version: RuntimeVersion;
  readonly apis: ApiTable;
  readonly pool = new Pool();
  private readonly database: ChainDatabase;
  private readonly beacon: LocalBeacon;
  private readonly shield: Shield;
  private readonly state: State;
  private readonly listeners = new Set<BlockListener>();
  private readonly finalityListeners = new Set<(block: Block) => void>();
  private readonly followers = new Map<string, (fate: Fate) => void>();
  /** Blocks that are not final yet, oldest first, with the extrinsics that they took from the pool. */
  private unfinal: { readonly block: Block; readonly extrinsics: readonly SignedExtrinsic[] }[] = [];
  private readonly finalityLagBlocks: number;
  private best: Block;
  private final: Block;

  constructor(options: ChainOptions) {
    this.blockMs = options.blockMs;
    this.apis = options.apis;
    this.version = {
      ...version,
      apis: Object.keys(options.apis).map((name) => [hashOfApi(name), apiVersions[name] ?? 1] as const),
    };
    this.metadata = writeMetadata(palletsOf({ version: this.version, slotDurationMs: options.blockMs }), options.apis);
    this.database = new ChainDatabase(options.folder, options.historyBlocks);
    this.beacon = new LocalBeacon(this.secret("beacon"));
    this.shield = new Shield(this.secret("shield"));
    if (this.database.head() === undefined) this.begin(options.genesis);
    this.refuseOtherMetadata(options);
    this.state = new State(this.database.current());
    this.genesisHash = this.database.block(0)!.hash;
    this.finalityLagBlocks = options.finalityLagBlocks;
    // Nobody can take back what an earlier run has built, so all of it is final.
    this.best = readBlock(this.database.head()!);
    this.final = this.best;
  }

  /** The newest block. */
  get head(): Block {
    return this.best;
  }

  /** The newest block that cannot be taken back: the head, unless reorgs are wanted. */
  get finalised(): Block {
    return this.final;
  }

  /** The newest block's time in milliseconds since 1970; 0 before the first one. */
  get timeMs(): number {
    return Number(this.state.get(timestampStorage.Now));
  }

  onFinalised(listener: (block: Block) => void): () => void {
    this.finalityListeners.add(listener);
    return () => this.finalityListeners.delete(listener);
  }

  onBlock(listener: BlockListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Builds the next block of the time `nowMs`, writes it, and tells the listeners. */
  produce(nowMs: number): BuiltBlock {
    const parent = { ...this.best, stateRoot: this.best.header.stateRoot };
    const included: SignedExtrinsic[] = [];
    const shielded = new Set<SignedExtrinsic>();
    const built = buildBlock(this.state, {
      parent,
      nowMs,
      slotDurationMs: this.blockMs,
      extrinsics: this.valid(included, shielded),
      beacon: this.beacon,
    });
    const { number, hash, headerBytes } = built;
    this.database.append(
      { number, hash, header: headerBytes, body: encode(bodyType, built.extrinsics) },
      built.changes,
    );
    this.best = { number, hash, header: built.header };
    for (const listener of this.listeners) listener(built);
    // What came out of a carrier comes out of it again: it never was in the pool.
    const extrinsics = included.filter((extrinsic) => !shielded.has(extrinsic));
    this.unfinal.push({ block: this.best, extrinsics });
    for (const { hash: included } of extrinsics) this.tell(included, { type: "inBlock", block: hash });
    this.finalise();
    return built;
  }

  /**
   * Takes the newest block back, as if another had won its place: its extrinsics wait again, and the next block has
   * its number. False where the newest block is final.
   */
  retract(): boolean {
    if (this.unfinal.length === 0) return false;
    const { block, extrinsics } = this.unfinal.pop()!;
    this.database.truncate(block.number - 1);
    this.state.replace(this.database.current());
    this.best = readBlock(this.database.head()!);
    for (const extrinsic of extrinsics) {
      this.tell(extrinsic.hash, { type: "retracted", block: block.hash });
      this.pool.add(extrinsic, this.state, this.best.number);
    }
    return true;
  }

  /** Takes an extrinsic into the pool. Returns it and its status, or why it is refused. */
  submit(bytes: Uint8Array): { readonly extrinsic: SignedExtrinsic; readonly status: "ready" | "future" } | Rejection {
    if (bytes.length > extrinsicSizeBytesMax) return invalid("Transaction would exhaust the block limits");
    const extrinsic = tryDecode(bytes);
    if (extrinsic === undefined) {
      return { code: 1002, message: "Verification Error: Could not decode the extrinsic", data: "RuntimeApi" };
    }
    const refused = this.verify(extrinsic);
    if (refused !== undefined) return refused;
    const code =
      extrinsic.call.type === "MevShield" ? this.shield.rejection(extrinsic.call.value.value.ciphertext) : undefined;
    if (code !== undefined) return invalid(`Custom error: ${code}`);
    const status = this.pool.add(extrinsic, this.state, this.best.number);
    return typeof status === "string" ? { extrinsic, status } : status;
  }

  /** The nonce that an account signs with next; what waits in the pool counts. */
  nextNonce(account: string): number {
    return this.pool.nextNonce(this.state, account);
  }

  /** Calls back with what becomes of an extrinsic of the pool, until it is over. Returns what ends it before. */
  follow(hash: string, tell: (fate: Fate) => void): () => void {
    this.followers.set(hash, tell);
    return () => {
      if (this.followers.get(hash) === tell) this.followers.delete(hash);
    };
  }

  /** The state after a block; undefined for a block that this chain does not have, "discarded" when it was forgotten. */
  stateAt(hash: string | null): { readonly state: StateView; readonly block: number } | "discarded" | undefined {
    if (hash === null || hash === this.best.hash) return { state: this.state, block: this.best.number };
    const block = this.database.blockByHash(hash);
    if (block === undefined) return undefined;
    if (block.number < this.database.oldestState()) return "discarded";
    return { state: this.database.at(block.number), block: block.number };
  }

  /** The subnet that the first block made. */
  get netuid(): number {
    return Number(this.database.setting("netuid"));
  }

  /** Keys after a block in the order of their bytes; see `ChainDatabase.keysPaged`. */
  keysPaged(block: number, page: { prefix: string; start: string; count: number }): string[] {
    return this.database.keysPaged(block, page);
  }

  hashOf(number: number): string | undefined {
    return number === this.best.number ? this.best.hash : this.database.block(number)?.hash;
  }

  block(hash: string): Block | undefined {
    if (hash === this.best.hash) return this.best;
    const stored = this.database.blockByHash(hash);
    return stored === undefined ? undefined : readBlock(stored);
  }

  /** The extrinsics of a block, with their length prefixes. */
  body(hash: string): readonly Uint8Array[] | undefined {
    const stored = this.database.blockByHash(hash);
    return stored === undefined ? undefined : decode(bodyType, stored.body);
  }

  close(): void {
    this.database.close();
  }

  private begin(genesis: Genesis): void {
    const state = new State(new Map());
    writeGenesis(state, genesis, version);
    this.beacon.configure(state, { genesisMs: Date.now(), blockMs: this.blockMs });
    this.shield.configure(state);
    const changes = state.commit();
    // Nothing else tells two new chains apart, and clients keep metadata and state by the genesis hash.
    const salt = crypto.getRandomValues(new Uint8Array(32));
    const first: Header = {
      parentHash: zeroHash,
      number: 0,
      stateRoot: chainRoot(zeroHash, changes),
      extrinsicsRoot: hashOf(encode(bodyType, [])),
      digest: { logs: [{ type: "Other", value: salt }] },
    };
    const headerBytes = encode(header, first);
    const block = { number: 0, hash: hashOf(headerBytes), header: headerBytes, body: encode(bodyType, []) };
    this.database.setSetting("metadata", hashOf(this.metadata.v15));
    this.database.setSetting("netuid", String(genesis.netuid));
    this.database.append(block, changes);
  }

  /** 64 random bytes that are drawn once and kept beside the state, where no client reads them. */
  private secret(name: "beacon" | "shield"): Uint8Array {
    const setting = `${name}-seed`;
    const kept = this.database.setting(setting);
    if (kept !== undefined) return Uint8Array.fromHex(kept);
    const seed = crypto.getRandomValues(new Uint8Array(64));
    this.database.setSetting(setting, seed.toHex());
    return seed;
  }

  /** Clients keep metadata by genesis and version: other metadata on the same chain would be decoded wrongly. */
  private refuseOtherMetadata({ folder, blockMs }: ChainOptions): void {
    if (this.database.setting("metadata") === hashOf(this.metadata.v15)) return;
    this.database.close();
    throw new OperatorError(
      `The chain in ${folder} was begun with another block time than ${blockMs} ms, or by another version of this program.`,
      "Continue it as it was begun, or begin a new chain in another folder.",
    );
  }

  private verify(extrinsic: SignedExtrinsic): Rejection | undefined {
    if (extrinsic.metadataHashEnabled) return invalid("Transaction has a bad signature");
    const birth = eraBirth(extrinsic.era, this.best.number);
    if (extrinsic.era.type === "Mortal" && birth + extrinsic.era.period <= this.best.number) {
      return invalid("Transaction has an ancient birth block");
    }
    const birthHash = this.hashOf(birth);
    if (birthHash === undefined) return invalid("Transaction has an ancient birth block");
    const context = {
      specVersion: version.spec_version,
      transactionVersion: version.transaction_version,
      genesisHash: this.genesisHash,
    };
    return isSignedBy(extrinsic, context, birthHash) ? undefined : invalid("Transaction has a bad signature");
  }

  /** What of the pool still holds as the block is built; the rest is told so. */
  private *valid(included: SignedExtrinsic[], shielded: Set<SignedExtrinsic>): Generator<SignedExtrinsic> {
    const number = this.best.number + 1;
    for (const { extrinsic, blockLast } of this.pool.ready(this.state)) {
      if (number > blockLast || this.pool.check(extrinsic, this.state, number) !== undefined) {
        this.tell(extrinsic.hash, { type: "invalid" });
        continue;
      }
      included.push(extrinsic);
      yield extrinsic;
      const inner = this.opened(extrinsic, number);
      if (inner === undefined) continue;
      included.push(inner);
      shielded.add(inner);
      yield inner;
    }
  }

  /** What a carrier holds, where it is an extrinsic that is good now: after the carrier, whose nonce is spent. */
  private opened({ call }: SignedExtrinsic, number: number): SignedExtrinsic | undefined {
    if (call.type !== "MevShield") return undefined;
    const bytes = this.shield.open(call.value.value.ciphertext);
    const extrinsic = bytes === undefined ? undefined : tryDecode(bytes);
    if (extrinsic === undefined || extrinsic.call.type === "MevShield") return undefined;
    const good =
      this.verify(extrinsic) === undefined &&
      extrinsic.nonce === this.state.get(systemStorage.Account, extrinsic.signer).nonce &&
      this.pool.check(extrinsic, this.state, number) === undefined;
    return good ? extrinsic : undefined;
  }

  /** Makes final what has enough blocks on it. */
  private finalise(): void {
    while (this.unfinal.length > this.finalityLagBlocks) {
      const { block, extrinsics } = this.unfinal.shift()!;
      this.final = block;
      for (const listener of this.finalityListeners) listener(block);
      for (const { hash } of extrinsics) this.tell(hash, { type: "finalized", block: block.hash });
    }
  }

  private tell(hash: string, fate: Fate): void {
    const follower = this.followers.get(hash);
    if (fate.type === "invalid" || fate.type === "finalized") this.followers.delete(hash);
    follower?.(fate);
  }
}

function readBlock({ number, hash, header: bytes }: StoredBlock): Block {
  return { number, hash, header: decode(header, bytes) };
}

/** Undefined for bytes that are no extrinsic of this chain. */
function tryDecode(bytes: Uint8Array): SignedExtrinsic | undefined {
  try {
    return decodeSigned(bytes);
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}

/** Runtime versions name their APIs by hash. */
function hashOfApi(name: string): string {
  return `0x${blake2AsU8a(name, 64).toHex()}`;
}
