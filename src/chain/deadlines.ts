/** Every bound of the chain client on time and attempts, in one table: nothing waits for ever, nothing is hammered. */

export interface Deadlines {
  /** From opening a socket to knowing the node's genesis, runtime and heads. */
  readonly connectMs: number;
  /** One request's answer. */
  readonly requestMs: number;
  /** The node's metadata: close to a megabyte, and the first thing that a slow line shows. */
  readonly metadataMs: number;
  /** One read in all: its requests, reconnecting and asking again included. */
  readonly readMs: number;
  /** Every endpoint is tried this often before `connectChain` gives up. */
  readonly connectRounds: number;
  /** The wait after all endpoints failed; it doubles up to the maximum. */
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  /** No new head in this many block times: the endpoint is left. */
  readonly stallBlocks: number;
  /** On a fast development chain five block times are less than a busy machine's hiccup. */
  readonly stallMsMin: number;
  /** A signed extrinsic can be included for this many blocks (a power of two), and never after. */
  readonly eraBlocks: number;
  /** From an accepted submission to knowing its fate: the era's blocks and this many more, for finality. */
  readonly fateBlocks: number;
  /** The same in time, for a chain that stands still. */
  readonly fateMs: number;
  /** A submission that the pool refuses for its nonce or age is signed anew this often. */
  readonly signAttempts: number;
  /** The wait before a submission that the pool refused is signed anew. */
  readonly signAgainMs: number;
}

export const defaultDeadlines: Deadlines = {
  connectMs: 15_000,
  requestMs: 20_000,
  metadataMs: 60_000,
  readMs: 120_000,
  connectRounds: 3,
  backoffMs: 500,
  backoffMsMax: 30_000,
  stallBlocks: 5,
  stallMsMin: 5_000,
  eraBlocks: 64,
  fateBlocks: 16,
  fateMs: 1_200_000,
  signAttempts: 4,
  signAgainMs: 400,
};

/** What an answer may weigh: the sizes that a real chain stays far below. */
export const limits = {
  /** One message of the node. */
  messageBytesMax: 64 << 20,
  /** Keys of one storage map (a subnet has at most 4096 neurons). */
  mapKeysMax: 20_000,
  /** Keys asked for in one request. */
  pageKeys: 1000,
  /** Notifications kept while nobody reads them. */
  pendingNoticesMax: 10_000,
} as const;
