/** The nouns of a subnet, as every part of the program uses them. Types and their limits only; no behaviour. */

/** A subnet's number on the chain (u16). */
export type Netuid = number;

/** A neuron's place in its subnet (u16); reused when a neuron is replaced, so never an identity by itself. */
export type Uid = number;

/** An account's public key in SS58 with format 42. A hotkey signs for a neuron, a coldkey owns it. */
export type Ss58 = string;
export type Hotkey = Ss58;
export type Coldkey = Ss58;

/** A block's number. */
export type Block = number;

/** 0x-prefixed lower-case hex of 32 bytes. */
export type BlockHash = string;

/** A block as a subscription announces it. */
export interface Head {
  readonly number: Block;
  readonly hash: BlockHash;
}

/** One registered account of a subnet, as the metagraph shows it at a block. Proportions are 0…1, stake is in TAO. */
export interface Neuron {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly coldkey: Coldkey;
  readonly active: boolean;
  /** Total stake weight (own alpha and TAO by the chain's formula), in TAO. */
  readonly stakeTao: number;
  readonly validatorPermit: boolean;
  readonly lastUpdateBlock: Block;
  readonly registrationBlock: Block;
  readonly incentive: number;
  readonly consensus: number;
  readonly dividends: number;
  readonly validatorTrust: number;
  /** Emission of the last epoch in rao. */
  readonly emissionRao: bigint;
}

/** A subnet's neurons at one block, ordered by uid without gaps. */
export interface Metagraph {
  readonly netuid: Netuid;
  readonly block: Block;
  readonly blockHash: BlockHash;
  readonly tempoBlocks: number;
  readonly neurons: readonly Neuron[];
}

/** What a hotkey has committed on the chain: bytes that a miner chose, hostile until parsed. */
export interface Commitment {
  readonly hotkey: Hotkey;
  /** The block that the commitment was made at: what decides precedence. */
  readonly block: Block;
  /** The raw bytes of the first field. */
  readonly data: Uint8Array;
}
