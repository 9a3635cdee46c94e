/** How long one epoch of Yuma consensus takes: a whole subnet of 256, and the greatest that the chain could hold. */
import { runEpoch } from "../src/consensus/epoch.ts";
import {
  defaultParameters,
  type EpochInput,
  type EpochParameters,
  stakeFromRao,
} from "../src/consensus/epoch-input.ts";
import type { StoredRow } from "../src/consensus/sparse.ts";

export interface ConsensusTiming {
  readonly name: string;
  /** The best of several runs: what the machine can do when nothing else runs. */
  readonly milliseconds: number;
  readonly millisecondsMax: number;
}

const liquidAlpha = { low: 45_875, high: 58_982, steepness: 1000 };

/** Times dense matrices: every validator weights every uid, which no client does. */
export function benchConsensus(runs = 7): readonly ConsensusTiming[] {
  const cases: readonly [string, number, number, Partial<EpochParameters>, number][] = [
    ["256 × 256, Yuma 2", 256, 256, { yuma: 2 }, 30],
    ["256 × 256, Yuma 3", 256, 256, {}, 30],
    ["256 × 256, liquid alpha", 256, 256, { liquidAlpha }, 30],
    ["256 × 256, liquid alpha, steepness 2000", 256, 256, { liquidAlpha: { ...liquidAlpha, steepness: 2000 } }, 30],
    ["4096 uids × 64 validators, Yuma 2", 4096, 64, { yuma: 2 }, 1000],
    ["4096 uids × 64 validators, liquid alpha", 4096, 64, { liquidAlpha }, 1000],
  ];
  return cases.map(([name, uids, validators, parameters, millisecondsMax]) => {
    const input = denseSubnet(uids, validators, parameters);
    let milliseconds = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run++) {
      const start = performance.now();
      runEpoch(input);
      milliseconds = Math.min(milliseconds, performance.now() - start);
    }
    return { name, milliseconds, millisecondsMax };
  });
}

function denseSubnet(uids: number, validators: number, parameters: Partial<EpochParameters>): EpochInput {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const rows = (): StoredRow[] =>
    Array.from({ length: uids }, (_, row) =>
      row < validators ? Array.from({ length: uids }, (_, column) => [column, Math.floor(random() * 65_536)]) : [],
    );
  return {
    block: 1000,
    tempoBlocks: 360,
    lastStepBlock: 640,
    owner: 0,
    emissionRao: 1_000_000_000n,
    parameters: { ...defaultParameters, bondsPenalty: 40_000, validatorsMax: validators, ...parameters },
    neurons: Array.from({ length: uids }, (_, uid) => ({
      stake: stakeFromRao(BigInt(Math.floor(random() * 1e12))),
      lastUpdateBlock: 900,
      registrationBlock: 10,
      validatorPermit: uid < validators,
    })),
    weights: rows(),
    bonds: rows(),
  };
}

if (import.meta.main)
  for (const { name, milliseconds, millisecondsMax } of benchConsensus())
    console.log(`${name.padEnd(42)} ${milliseconds.toFixed(1).padStart(7)} ms  (at most ${millisecondsMax})`);
