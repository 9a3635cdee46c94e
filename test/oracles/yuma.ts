/**
 * Yuma consensus a second time, written for obviousness instead of speed: BigInt for the fixed point, a list of entries
 * for each row, a sort for the median. The tests hold the fast one against it, unit by unit.
 */
import type { EpochInput } from "../../src/consensus/epoch-input.ts";

type Row = readonly (readonly [number, bigint])[];

export interface OracleOutput {
  readonly consensus: readonly bigint[];
  readonly validatorTrust: readonly bigint[];
  readonly incentive: readonly bigint[];
  readonly dividends: readonly bigint[];
  readonly bonds: readonly Row[];
  readonly totalRao: readonly bigint[];
}

const one = 1n << 32n;
const mul = (a: bigint, b: bigint) => (a * b) >> 32n;
const div = (a: bigint, b: bigint) => (b === 0n ? 0n : (a << 32n) / b);
const whole = (value: number) => BigInt(value) << 32n;
const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n);
const normalized = (values: readonly bigint[], by = sum(values)) =>
  by === 0n ? values : values.map((value) => div(value, by));
const share = (u16: number) => div(whole(u16), whole(65_535));
const at = (row: Row, column: number) => row.find(([uid]) => uid === column)?.[1] ?? 0n;
const min = (a: bigint, b: bigint) => (a < b ? a : b);
const max = (a: bigint, b: bigint) => (a > b ? a : b);

/** Runs one epoch. */
export function oracleEpoch(input: EpochInput): OracleOutput {
  const uids = input.neurons.map((_, uid) => uid);
  const { stake, activeStake } = stakes(input);
  const weights = countedWeights(input);
  const consensus = uids.map((column) => median(input, weights, activeStake, column));
  const clipped = weights.map((row) =>
    row.flatMap(([column, value]): Row => {
      const ceiling = consensus[column]!;
      return value <= ceiling ? [[column, value]] : ceiling > 0n ? [[column, ceiling]] : [];
    }),
  );
  const validatorTrust = clipped.map((row) => sum(row.map(([, value]) => value)));
  const incentive = normalized(
    uids.map((column) => sum(clipped.map((row, i) => mul(activeStake[i]!, at(row, column))))),
  );
  const penalty = share(input.parameters.bondsPenalty);
  const forBonds =
    penalty === 0n
      ? weights
      : penalty === one
        ? clipped
        : weights.map((row, i) =>
            positive(uids.map((j) => [j, at(row, j) + mul(penalty, at(clipped[i]!, j) - at(row, j))] as const)),
          );
  const { bonds, dividends } = (input.parameters.yuma === 2 ? yuma2 : yuma3)(input, {
    weights: forBonds,
    activeStake,
    consensus,
    incentive,
  });
  const earned = uids.map((uid) => incentive[uid]! + dividends[uid]!);
  const shares = sum(earned) > 0n ? normalized(earned) : sum(activeStake) > 0n ? activeStake : stake;
  const totalRao = shares.map((value) => (value * input.emissionRao) >> 32n);
  return { consensus, validatorTrust, incentive, dividends, bonds, totalRao };
}

interface Terms {
  readonly weights: readonly Row[];
  readonly activeStake: readonly bigint[];
  readonly consensus: readonly bigint[];
  readonly incentive: readonly bigint[];
}

function yuma2(input: EpochInput, { weights, activeStake, incentive }: Terms) {
  const old = perColumn(storedBonds(input), sum);
  const fresh = perColumn(
    weights.map((row, i) => row.map(([j, value]) => [j, mul(value, activeStake[i]!)] as const)),
    sum,
  );
  const shares = perColumn(averaged(input, fresh, old), sum);
  const dividends = normalized(shares.map((row) => sum(row.map(([j, value]) => mul(incentive[j]!, value)))));
  const bonds = perColumn(shares, (column) => column.reduce(max, 0n));
  return { bonds, dividends };
}

function yuma3(input: EpochInput, { weights, activeStake, consensus, incentive }: Terms) {
  const old = storedBonds(input).map((row) => row.map(([j, value]) => [j, div(value, whole(65_535))] as const));
  const isLiquid = input.parameters.liquidAlpha !== undefined && consensus.some((value) => value > 0n);
  const bonds = isLiquid
    ? weights.map((row, i) =>
        row.flatMap(([j, value]): Row => {
          const alpha = liquidAlpha(input, upward(row, j), upward(old[i]!, j), consensus[j]!);
          const moved = min(one, mul(one - alpha, at(old[i]!, j)) + mul(alpha, value));
          return moved > 0n ? [[j, moved]] : [];
        }),
      )
    : averaged(input, weights, old);
  const earned = perColumn(bonds, sum).map((row) => sum(row.map(([j, value]) => mul(value, incentive[j]!))));
  return { bonds, dividends: normalized(earned.map((value, i) => mul(value, activeStake[i]!))) };
}

function stakes({ neurons, parameters, owner, block }: EpochInput) {
  const counted = neurons.map(({ stake }, uid) =>
    uid === owner || stake >> 64n >= parameters.stakeThresholdRao ? stake : 0n,
  );
  const total = sum(counted);
  const stake = counted.map((value) => (total === 0n ? 0n : ((value << 64n) / total) >> 32n));
  const activeStake = normalized(
    stake.map((value, uid) => {
      const { lastUpdateBlock, validatorPermit } = neurons[uid]!;
      const isActive = lastUpdateBlock + parameters.activityCutoffBlocks >= block;
      return isActive && (validatorPermit || uid === owner) ? value : 0n;
    }),
  );
  return { stake, activeStake };
}

function countedWeights({ weights, neurons, owner, parameters }: EpochInput): Row[] {
  return weights.map((row, i) => {
    const { validatorPermit, lastUpdateBlock, commitBlock } = neurons[i]!;
    if (!validatorPermit && i !== owner) return [];
    const kept = row.filter(([j]) => {
      if (j >= neurons.length || (i === j && i !== owner)) return false;
      const registered = neurons[j]!.registrationBlock;
      const isCovered = parameters.commitReveal && commitBlock !== undefined && commitBlock < registered;
      return lastUpdateBlock > registered && !isCovered;
    });
    const total = sum(kept.map(([, value]) => whole(value)));
    return kept.map(([j, value]) => [j, div(whole(value), total)] as const);
  });
}

function median({ parameters }: EpochInput, weights: readonly Row[], activeStake: readonly bigint[], column: number) {
  const speakers = activeStake.flatMap((value, uid) => (value > 0n ? [uid] : []));
  const stake = normalized(speakers.map((uid) => activeStake[uid]!));
  const minority = sum(stake) - share(parameters.kappa);
  const ballots = speakers
    .map((uid, index) => ({ score: at(weights[uid]!, column), stake: stake[index]! }))
    .sort((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : 0));
  let below = 0n;
  for (const [index, ballot] of ballots.entries()) {
    below += ballot.stake;
    const isLastOfScore = ballots[index + 1]?.score !== ballot.score;
    if (isLastOfScore && (below > minority || index === ballots.length - 1)) return ballot.score;
  }
  return 0n;
}

function storedBonds({ bonds, neurons, block, tempoBlocks, lastStepBlock }: EpochInput): Row[] {
  const since = lastStepBlock === 0 ? Math.max(0, block - tempoBlocks) : lastStepBlock + 1;
  return bonds.map((row) =>
    row
      .filter(([j]) => j < neurons.length && neurons[j]!.registrationBlock < since)
      .map(([j, value]) => [j, whole(value)] as const),
  );
}

function averaged({ parameters, neurons }: EpochInput, fresh: readonly Row[], old: readonly Row[]): Row[] {
  const kept = ((BigInt(parameters.bondsMovingAverage) << 64n) / 1_000_000n) >> 32n;
  const alpha = one - kept;
  return fresh.map((row, i) =>
    positive(neurons.map((_, j) => [j, mul(alpha, at(row, j)) + mul(one - alpha, at(old[i]!, j))] as const)),
  );
}

function liquidAlpha({ parameters }: EpochInput, weight: bigint, bond: bigint, consensus: bigint): bigint {
  const { low, high, steepness } = parameters.liquidAlpha!;
  const clamp = (value: bigint, from: bigint, to: bigint) => max(from, min(to, value));
  const difference = weight >= bond ? clamp(weight - consensus, 0n, one) : clamp(bond - weight, 0n, one);
  const exponent = mul(whole(steepness) / -100n, difference - one / 2n);
  return clamp(share(low) + mul(sigmoid(exponent), share(high) - share(low)), share(low), share(high));
}

/** 1/(1 + eˣ) with the chain's series for eˣ, and its constant for exactly 1. */
export function sigmoid(exponent: bigint): bigint {
  const x = max(-20n * one, min(20n * one, exponent));
  if (x === one) return div(one, one + (BigInt(Math.floor(Math.E * 2 ** 23)) << 9n));
  const magnitude = x < 0n ? -x : x;
  let term = magnitude;
  let total = one + magnitude;
  for (let order = 2n; order < 32n; order++) total += term = div(mul(term, magnitude), order << 32n);
  return div(one, one + (x < 0n ? div(one, total) : total));
}

/** What a reader that only walks upwards sees of a row at a column. */
function upward(row: Row, column: number): bigint {
  let index = 0;
  for (let j = 0; j <= column; j++) while (index < row.length && row[index]![0] < j) index++;
  const found = row[index];
  return found !== undefined && found[0] === column ? found[1] : 0n;
}

/** Divides each column by what `total` makes of it; a column of nothing stays. */
function perColumn(rows: readonly Row[], total: (column: readonly bigint[]) => bigint): Row[] {
  const totals = rows.map((_, j) => total(rows.map((row) => at(row, j))));
  return rows.map((row) => row.map(([j, value]) => [j, totals[j] === 0n ? value : div(value, totals[j]!)] as const));
}

function positive(row: Row): Row {
  return row.filter(([, value]) => value > 0n);
}
