/**
 * The attacks: each is a cast of miners and what they do before every round. In all of them eight honest miners contend,
 * and the best of them is better than every other by more than ε. Lines of the table in the order of `finetune simulate`.
 */
import type { Hotkey, Uid } from "../../subnet.ts";
import { epsilonAt } from "../epsilon.ts";
import type { SimulatedModel, World } from "./world.ts";

export interface Scenario {
  readonly name: string;
  readonly explains: string;
  /** The hotkeys whose earnings are counted. */
  readonly attackers: readonly Hotkey[];
  /** The hotkey of the truly best model at a round; null when there is none that ought to be paid. */
  readonly bestAt: (round: number) => Hotkey | null;
  readonly setUp: (world: World) => void;
  readonly act?: (world: World, round: number) => void;
}

const honestMiners = 8;
const bestUid: Uid = 3;
const best = hotkeyOf(bestUid);
const attackerUid: Uid = 0;
const attacker: Hotkey = "attacker";

export function hotkeyOf(uid: Uid): Hotkey {
  return `honest-${uid}`;
}

/** Miners 1 … 8 with models of different quality and age; number 3 is the best, though not the earliest. */
function setUpHonest(world: World): SimulatedModel {
  const young = honestAgeBlocks(world);
  const advantage = epsilonAt(world.competition.epsilon, world.block, world.block);
  let bestModel = honestModel(bestUid, 0);
  for (let uid = 1; uid <= honestMiners; uid++) {
    // Better than the second by half as much again as a new model's ε asks for.
    const loss = uid === bestUid ? 2 : 2 / (1 - 1.5 * advantage) + 0.05 * uid;
    const model = honestModel(uid, loss);
    if (uid === bestUid) bestModel = model;
    world.register(uid, hotkeyOf(uid));
    world.commit(uid, model, { block: world.block - young - 100 * Math.abs(uid - 5) });
  }
  return bestModel;
}

function honestModel(uid: Uid, loss: number): SimulatedModel {
  return { parameters: `model-${uid}`, loss };
}

/** Old enough to contend from the first round on. */
function honestAgeBlocks(world: World): number {
  return world.competition.evaluationDelayBlocks + 1;
}

function blockOfBest(world: World): number {
  return world.miners.get(bestUid)!.commitment!.block;
}

/** A scenario with the honest miners and one attacker. */
function attack(
  name: string,
  explains: string,
  setUp: (world: World, bestModel: SimulatedModel) => void,
  act?: Scenario["act"],
): Scenario {
  return {
    name,
    explains,
    attackers: [attacker],
    bestAt: () => best,
    setUp(world) {
      const bestModel = setUpHonest(world);
      world.register(attackerUid, attacker);
      setUp(world, bestModel);
    },
    ...(act === undefined ? {} : { act }),
  };
}

export const scenarios: readonly Scenario[] = [
  {
    name: "nobody attacks",
    explains: "eight honest miners",
    attackers: [],
    bestAt: () => best,
    setUp: setUpHonest,
  },
  attack(
    "copied commitment",
    "repeats the best miner's commitment text in its block (older form of four fields)",
    (world, bestModel) => world.commit(attackerUid, bestModel, { block: blockOfBest(world), isCopiedText: true }),
  ),
  attack("copied model", "publishes the best model again a block later, correctly committed", (world, bestModel) =>
    world.commit(attackerUid, bestModel, { block: blockOfBest(world) + 1 }),
  ),
  attack("copy with noise", "the same, with parameters changed by a hair", (world, bestModel) => {
    const copyOf = { model: bestModel, noise: 1e-4 };
    world.commit(attackerUid, { parameters: "copy", loss: bestModel.loss, copyOf }, { block: blockOfBest(world) + 1 });
  }),
  {
    ...attack(
      "several hotkeys",
      "the best miner commits its model under three more hotkeys in the same block",
      () => {},
    ),
    attackers: [20, 21, 22].map(hotkeyOf),
    setUp(world) {
      const bestModel = setUpHonest(world);
      for (const uid of [20, 21, 22]) {
        world.register(uid, hotkeyOf(uid));
        world.commit(uid, bestModel, { block: blockOfBest(world) });
      }
    },
  },
  attack(
    "re-commits each block",
    "copies the best model and commits it anew before every round",
    (world, bestModel) => world.commit(attackerUid, bestModel, { block: blockOfBest(world) + 1 }),
    (world) => world.commit(attackerUid, world.miners.get(bestUid)!.commitment!.model),
  ),
  attack(
    "alternates models",
    "commits two copies with noise in turn, each once the other has been looked at",
    () => {},
    (world, round) => {
      const model = world.miners.get(bestUid)!.commitment!.model;
      const pause = 1 + Math.ceil(world.competition.evaluationDelayBlocks / cadenceOf(world));
      if (round % (2 * pause) !== 0 && round % (2 * pause) !== pause) return;
      const parameters = round % (2 * pause) === 0 ? "left" : "right";
      world.commit(attackerUid, { parameters, loss: model.loss, copyOf: { model, noise: 1e-3 } });
    },
  ),
  {
    name: "takes the best's uid",
    explains: "the best miner is deregistered in mid-course; the attacker gets its uid and commits nothing",
    attackers: [attacker],
    bestAt: (round) => (round < reuseRound ? best : null),
    setUp: setUpHonest,
    act(world, round) {
      if (round === reuseRound) world.register(bestUid, attacker);
    },
  },
  attack(
    "broken model",
    "contends with the worst model, and in every tenth round nobody's model can be measured",
    (world) =>
      world.commit(attackerUid, { parameters: "broken", loss: 15 }, { block: world.block - honestAgeBlocks(world) }),
    (world, round) => {
      world.isOutage = round % 10 === 5;
    },
  ),
];

const reuseRound = 50;

function cadenceOf(world: World): number {
  return world.options.cadenceBlocks;
}

/** For validators that copy weights: every `changeRounds` another miner commits a model that is better by more than ε. */
export const improving: Scenario = {
  name: "copies weights",
  explains: "a validator that measures nothing and sets what the others set when it last could see it",
  attackers: [],
  bestAt: () => null,
  setUp: setUpHonest,
  act(world, round) {
    if (round % changeRounds !== 0) return;
    const advantage = epsilonAt(world.competition.epsilon, world.block, world.block);
    const loss = 2 * (1 - 1.5 * advantage) ** (1 + round / changeRounds);
    world.commit(1 + ((round / changeRounds) % honestMiners), { parameters: `new-${round}`, loss });
  },
};

const changeRounds = 20;
