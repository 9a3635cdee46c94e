/** Conformance of `src/consensus` with the runtime's own tests. The tables are part of the repository. */
import { type EpochOutput, runEpoch } from "../../src/consensus/epoch.ts";
import { stakeFromRao } from "../../src/consensus/epoch-input.ts";
import type { StoredRow } from "../../src/consensus/sparse.ts";
import { type Epoch, type Scenario, scenarios } from "./yuma-scenarios.ts";

/** Four digits, and the truncation to u16. */
const shareTolerance = 1e-4;

export interface ConformanceReport {
  readonly family: string;
  readonly cases: number;
  /** The greatest deviation of a fraction; whole numbers must agree exactly. */
  readonly worst: number;
  readonly problems: readonly string[];
}

/** Runs every scenario. Needs nothing of the shared folder. */
export function checkYuma(_sharedFolder: string): ConformanceReport {
  const results = scenarios.map(checkScenario);
  return {
    family: "yuma",
    cases: scenarios.reduce((count, { epochs }) => count + epochs.length, 0),
    worst: Math.max(...results.map(({ worst }) => worst)),
    problems: results.flatMap(({ problems }) => problems),
  };
}

/** Runs one scenario epoch by epoch, each on the bonds and permits of the one before. */
export function checkScenario(scenario: Scenario): { readonly worst: number; readonly problems: readonly string[] } {
  const size = scenario.stakesRao.length;
  const stakes = [...scenario.stakesRao];
  const lastUpdate = new Array<number>(size).fill(0);
  const registration = new Array<number>(size).fill(0);
  const weights: StoredRow[] = Array.from({ length: size }, () => []);
  let permits: readonly boolean[] = stakes.map((stake) => stake > 0);
  let bonds: readonly StoredRow[] = weights.map(() => []);
  const problems: string[] = [];
  let worst = 0;
  for (const epoch of scenario.epochs) {
    if (epoch.replaced !== undefined) {
      const { uid, block } = epoch.replaced;
      stakes[uid] = 0;
      registration[uid] = lastUpdate[uid] = block;
      permits = permits.map((permit, index) => permit && index !== uid);
    }
    for (const [uid, row] of Object.entries(epoch.set ?? {})) {
      weights[Number(uid)] = row;
      lastUpdate[Number(uid)] = epoch.block;
    }
    const output = runEpoch({
      block: epoch.block,
      tempoBlocks: scenario.tempoBlocks,
      lastStepBlock: 0,
      owner: undefined,
      emissionRao: 1_000_000_000n,
      parameters: scenario.parameters,
      neurons: stakes.map((stake, uid) => ({
        stake: stakeFromRao(BigInt(stake)),
        lastUpdateBlock: lastUpdate[uid]!,
        registrationBlock: registration[uid]!,
        validatorPermit: permits[uid]!,
      })),
      weights,
      bonds,
    });
    const deviation = compare(epoch, output, (what) =>
      problems.push(`${scenario.name}, block ${epoch.block}: ${what}`),
    );
    worst = Math.max(worst, deviation);
    ({ permits, bonds } = output);
  }
  return { worst, problems };
}

/** Compares what the epoch says; returns the greatest deviation of a fraction. */
function compare(epoch: Epoch, output: EpochOutput, report: (what: string) => void): number {
  if (epoch.emission !== undefined) {
    const emission = output.emission.totalRao.map(Number);
    if (!isEqual(emission, epoch.emission)) report(`emission ${emission} instead of ${epoch.emission}`);
  }
  if (epoch.dividends !== undefined && !isEqual([...output.dividends], epoch.dividends))
    report(`dividends ${output.dividends} instead of ${epoch.dividends}`);
  for (const [validator, miner, expected] of epoch.bonds ?? []) {
    const bond = bondOf(output, validator, miner);
    if (bond !== expected) report(`bond ${validator} → ${miner} is ${bond} instead of ${expected}`);
  }
  const miners = output.dividends.length - (epoch.bondShares?.[0]?.length ?? 0);
  const shares = [
    ...(epoch.dividendShares ?? []).map((expected, uid) => [expected, output.dividends[uid]!] as const),
    ...(epoch.bondShares ?? []).flatMap((row, validator) =>
      row.map((expected, index) => [expected, bondOf(output, validator, miners + index)] as const),
    ),
  ];
  const worst = Math.max(0, ...shares.map(([expected, value]) => Math.abs(expected - value / 65_535)));
  if (worst > shareTolerance) report(`a dividend or bond is off by ${worst}`);
  return worst;
}

function bondOf(output: EpochOutput, validator: number, miner: number): number {
  return output.bonds[validator]!.find(([uid]) => uid === miner)?.[1] ?? 0;
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
