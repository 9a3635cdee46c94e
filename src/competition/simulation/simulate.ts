/** Plays the attacks for hundreds of rounds under both rule sets, and adds up what everybody is paid. */
import type { Hotkey } from "../../subnet.ts";
import type { Competition } from "../competition.ts";
import { type Share, subnetWeights } from "../moving-average.ts";
import { judgeRound } from "../round.ts";
import { improving, type Scenario, scenarios } from "./scenarios.ts";
import { type RuleSet, World } from "./world.ts";

export interface SimulationOptions {
  readonly competition: Competition;
  readonly cadenceBlocks: number;
  readonly rounds: number;
  readonly batches: number;
  readonly seed: string;
  /** Called after each of `simulationSteps` plays. */
  readonly onStep?: () => void;
}

export interface Earnings {
  /** The attackers' part of everything that was paid in these rounds, 0…1; null where nobody attacks. */
  readonly attackers: number | null;
  /** The part of the rounds in which the truly best model had the highest weight; null where there is none. */
  readonly bestHolds: number | null;
}

export interface SimulatedAttack {
  readonly name: string;
  readonly explains: string;
  readonly published: Earnings;
  readonly repaired: Earnings;
}

/** How many plays a simulation has. */
export const simulationSteps = 2 * (scenarios.length + 1);

/** Every attack under both rule sets. The same options give the same numbers. */
export function simulateAttacks(options: SimulationOptions): SimulatedAttack[] {
  const attacks = scenarios.map((scenario) => ({
    name: scenario.name,
    explains: scenario.explains,
    published: addUp(scenario, play(scenario, "published", options)),
    repaired: addUp(scenario, play(scenario, "repaired", options)),
  }));
  const copied = { published: plainLagRounds, repaired: sealedLagRounds };
  const trust = (rules: RuleSet): Earnings => ({
    attackers: copierTrust(play(improving, rules, options), copied[rules]),
    bestHolds: null,
  });
  const { name, explains } = improving;
  return [...attacks, { name, explains, published: trust("published"), repaired: trust("repaired") }];
}

/** Plain weights can be seen and repeated by the next round; timelocked ones open one round later. */
const plainLagRounds = 1;
const sealedLagRounds = 2;

/** The subnet's weights after each round. */
function play(scenario: Scenario, rules: RuleSet, options: SimulationOptions): (readonly Share[])[] {
  const { competition, cadenceBlocks, rounds, batches, seed } = options;
  const startBlock = 1_000_000;
  const world = new World(competition, rules, { seed, batches, startBlock, cadenceBlocks });
  scenario.setUp(world);
  let averages: readonly Share[] | null = null;
  const weights: (readonly Share[])[] = [];
  for (let round = 0; round < rounds; round++) {
    world.block = startBlock + round * cadenceBlocks;
    scenario.act?.(world, round);
    const registered = world.registered();
    averages = judgeRound({
      competition: world.competition,
      block: world.block,
      models: world.contenders(),
      previousAverages: averages,
      registered,
    }).averages;
    weights.push(subnetWeights([{ competition: world.competition, averages: averages ?? [] }], registered));
  }
  options.onStep?.();
  return weights;
}

function addUp(scenario: Scenario, weights: readonly (readonly Share[])[]): Earnings {
  const attackers = new Set<Hotkey>(scenario.attackers);
  let earned = 0;
  let paid = 0;
  let judged = 0;
  let held = 0;
  for (const [round, shares] of weights.entries()) {
    for (const { hotkey, weight } of shares) {
      paid += weight;
      if (attackers.has(hotkey)) earned += weight;
    }
    const best = scenario.bestAt(round);
    if (best === null) continue;
    judged += 1;
    if (topOf(shares) === best) held += 1;
  }
  return {
    attackers: attackers.size === 0 ? null : paid === 0 ? 0 : earned / paid,
    bestHolds: judged === 0 ? null : held / judged,
  };
}

/** Who has more weight than everybody else; several equal ones are nobody. */
function topOf(shares: readonly Share[]): Hotkey | undefined {
  const highest = shares.reduce((most, { weight }) => Math.max(most, weight), 0);
  const top = shares.filter(({ weight }) => weight === highest);
  return top.length === 1 ? top[0]!.hotkey : undefined;
}

/**
 * The trust that the chain gives a validator whose weights are those of `lagRounds` before: the part of its weights that
 * the consensus of the others supports, Σ min(w, consensus). An honest validator has 1.
 */
function copierTrust(weights: readonly (readonly Share[])[], lagRounds: number): number {
  let sum = 0;
  for (let round = lagRounds; round < weights.length; round++) {
    const consensus = new Map(weights[round]!.map(({ hotkey, weight }) => [hotkey, weight]));
    for (const { hotkey, weight } of weights[round - lagRounds]!) sum += Math.min(weight, consensus.get(hotkey) ?? 0);
  }
  return sum / (weights.length - lagRounds);
}
