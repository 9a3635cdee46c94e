/** What one epoch of a subnet is computed from: the chain's state at the block that it fires in. */
import type { Block, Uid } from "../subnet.ts";
import type { StoredRow } from "./sparse.ts";

/** One uid's state. */
export interface EpochNeuron {
  /**
   * Total stake weight as the chain holds it, an I64F64: rao times 2⁶⁴ (`stakeFromRao` for whole rao). Its fraction
   * comes from the TAO part, which is root stake times a weight.
   */
  readonly stake: bigint;
  readonly lastUpdateBlock: Block;
  readonly registrationBlock: Block;
  /** The permit of the epoch before: this epoch's weights and stake count by it. */
  readonly validatorPermit: boolean;
  /** The block of the earliest commit that is neither revealed nor expired; `undefined`: none. */
  readonly commitBlock?: Block | undefined;
}

export interface LiquidAlpha {
  /** u16 proportions. */
  readonly low: number;
  readonly high: number;
  /** AlphaSigmoidSteepness, an i16; 1000 by default. */
  readonly steepness: number;
}

export interface EpochParameters {
  /** u16 proportion of stake that agrees: 32767. */
  readonly kappa: number;
  /** u16 proportion: 0 bonds by the weights as set, 65535 by the clipped weights. */
  readonly bondsPenalty: number;
  /** Millionths: 900000 keeps 0.9 of the old bond. */
  readonly bondsMovingAverage: number;
  readonly validatorsMax: number;
  readonly activityCutoffBlocks: number;
  readonly stakeThresholdRao: bigint;
  readonly yuma: 2 | 3;
  /** Only Yuma 3 has it. */
  readonly liquidAlpha: LiquidAlpha | undefined;
  readonly commitReveal: boolean;
}

export interface EpochInput {
  readonly block: Block;
  readonly tempoBlocks: number;
  /** The block of the last epoch, 0 when there was none. */
  readonly lastStepBlock: Block;
  readonly owner: Uid | undefined;
  /** What the epoch distributes. */
  readonly emissionRao: bigint;
  readonly parameters: EpochParameters;
  /** By uid, without gaps. */
  readonly neurons: readonly EpochNeuron[];
  /** By uid: the weights as stored (u16). */
  readonly weights: readonly StoredRow[];
  /** By uid: the bonds as stored (u16). */
  readonly bonds: readonly StoredRow[];
}

/** Whole rao as the I64F64 that the epoch takes. */
export function stakeFromRao(rao: bigint): bigint {
  return rao << 64n;
}

/** The defaults of a new subnet. */
export const defaultParameters: EpochParameters = {
  kappa: 32_767,
  bondsPenalty: 65_535,
  bondsMovingAverage: 900_000,
  validatorsMax: 64,
  activityCutoffBlocks: 5000,
  stakeThresholdRao: 0n,
  yuma: 3,
  liquidAlpha: undefined,
  commitReveal: false,
};
