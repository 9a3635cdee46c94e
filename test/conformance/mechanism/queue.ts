/** tracker.json, retry.json, queue.json, top_miners.json: what a validator remembers and whom it looks at. */
import { Random } from "../../../src/base/random.ts";
import { builtInCompetitions } from "../../../src/competition/built-in.ts";
import { MinerRound } from "../../../src/competition/miner-round.ts";
import { decidePass, decideTopMiner, type QueueMiner, type QueueState } from "../../../src/competition/queue.ts";
import { shouldRetry } from "../../../src/competition/retry.ts";
import { competitionsAt } from "../../../src/competition/schedule.ts";
import { highStakeValidators, topMiners } from "../../../src/competition/top-miners.ts";
import {
  type EvaluationResult,
  lastEvaluatedBlock,
  type TrackedMiner,
  type TrackedMiners,
  type TrackerEvent,
  track,
} from "../../../src/competition/tracker.ts";
import { epsilonOf } from "./scores.ts";
import { numberOf, type Tally, type Vector } from "./tally.ts";

export function resultOf(vector: Vector): EvaluationResult {
  const [block, score, winningBlock, winningScore] = Array.isArray(vector)
    ? vector
    : [vector.block, vector.score, vector.winning_model_block, vector.winning_model_score];
  return {
    block,
    score: numberOf(score),
    winningModelBlock: numberOf(winningBlock),
    winningModelScore: numberOf(winningScore),
  };
}

export function checkRetry(tally: Tally): void {
  for (const [index, vector] of tally.read("retry.json").cases.entries()) {
    const retry = shouldRetry(vector.history.map(resultOf), epsilonOf(vector.epsilon), vector.current_block);
    tally.equal(`retry.json cases[${index}]`, retry, vector.retry);
  }
}

export function checkTracker(tally: Tally): void {
  for (const [index, { hotkeys, events }] of tally.read("tracker.json").sequences.entries()) {
    let miners: TrackedMiners = new Map();
    // The original forgets a departed hotkey's results only if it had a model; here all of them go, so such a hotkey is not
    // compared any more.
    const departed = new Set<string>();
    for (const [step, vector] of events.entries()) {
      if (vector.op === "hotkeys")
        for (const [hotkey, { model }] of miners)
          if (model === null && !vector.hotkeys.includes(hotkey)) departed.add(hotkey);
      miners = track(miners, eventOf(vector));
      for (const hotkey of hotkeys) {
        const where = `tracker.json sequences[${index}] events[${step}] ${hotkey}`;
        if (!departed.has(hotkey)) checkTracked(tally, where, miners.get(hotkey), vector.state[hotkey]);
      }
    }
  }
}

function checkTracked(tally: Tally, where: string, miner: TrackedMiner | undefined, expected: Vector): void {
  const results = Object.entries(expected.results).map(([id, list]) => [Number(id), (list as Vector).map(resultOf)]);
  tally.equal(`${where} model`, miner?.model?.commitment ?? null, expected.commitment);
  tally.equal(`${where} block`, miner?.model?.block ?? null, expected.block);
  tally.equal(`${where} last`, miner === undefined ? null : lastEvaluatedBlock(miner), expected.last_evaluated);
  const kept = [...(miner?.results ?? [])].filter(([, list]) => list.length > 0);
  tally.equal(`${where} results`, new Map(kept), new Map(results as []));
}

function eventOf(vector: Vector): TrackerEvent {
  const { hotkey } = vector;
  switch (vector.op) {
    case "model":
      return { kind: "model", hotkey, commitment: vector.commitment, block: vector.block };
    case "eval":
      return { kind: "result", hotkey, competitionId: vector.competition, result: resultOf(vector.result) };
    case "clear":
      return { kind: "clear", competitionId: vector.competition };
    default:
      return { kind: "registered", hotkeys: vector.hotkeys };
  }
}

export function checkQueue(tally: Tally): void {
  const file = builtInCompetitions("sn37-latest");
  const { top_models: tops, update_pass: passes } = tally.read("queue.json");
  for (const [index, vector] of tops.entries()) {
    const state = stateOf(vector);
    const checked = (vector.top_miners as number[]).filter(
      (uid) => decideTopMiner(minerOf(vector, uid), state, file.queue.forcedRetryBlocks).kind === "check",
    );
    tally.equal(
      `queue.json top_models[${index}]`,
      checked.toSorted((a, b) => a - b),
      vector.synced_uids,
    );
  }
  for (const [index, vector] of passes.entries()) {
    const state = stateOf(vector);
    const checked = Array.from({ length: 12 }, (_, uid) => [uid, decidePass(minerOf(vector, uid), state)] as const);
    const synced = checked.flatMap(([uid, decision]) => (decision.kind === "check" ? [[uid, decision.force]] : []));
    tally.equal(`queue.json update_pass[${index}]`, synced, vector.synced);
  }
}

function stateOf(vector: Vector): QueueState {
  const setsOf = (queues: Vector) =>
    new Map(Object.entries(queues).map(([id, uids]) => [Number(id), new Set(uids as number[])]));
  const running = competitionsAt(builtInCompetitions("sn37-latest"), vector.current_block);
  return {
    block: vector.current_block,
    active: vector.active.map((id: number) => running.find((competition) => competition.id === id)),
    evaluating: setsOf(vector.evaluating),
    pending: setsOf(vector.pending),
  };
}

function minerOf(vector: Vector, uid: number): QueueMiner {
  const [competition, block] = vector.commitment[uid] ?? [null, null];
  const isTracked = vector.tracked_uids.includes(uid);
  let miner: TrackedMiners = new Map();
  for (const [id, result] of vector.history[uid] ?? [])
    miner = track(miner, { kind: "result", hotkey: "", competitionId: id, result: resultOf(result) });
  const remembered = miner.get("") ?? { model: null, results: new Map() };
  return {
    uid,
    committedCompetitionId: competition,
    tracked: { ...remembered, model: isTracked ? { commitment: "", block } : null },
  };
}

export function checkTopMiners(tally: Tally): void {
  const { cases, iterator } = tally.read("top_miners.json");
  for (const [index, vector] of cases.entries()) {
    const where = `top_miners.json cases[${index}]`;
    const neurons = vector.stake.map((stakeTao: number, uid: number) => ({
      uid,
      stakeTao,
      validatorPermit: vector.validator_permit[uid],
      weights: vector.weights[uid],
    }));
    const high = highStakeValidators(neurons, vector.min_stake);
    tally.equal(
      `${where} validators`,
      high.map(({ uid }) => uid),
      vector.high_stake_validators,
    );
    // A validator whose weights are all zero pays nobody here; to the original it pays all that it lists.
    const zeroes = high.filter(({ weights }) => weights.length > 0 && weights.every(([, weight]) => weight === 0));
    const listed = zeroes.flatMap(({ weights }) => weights.map(([uid]) => uid));
    const found = topMiners(neurons, vector.min_stake, vector.min_percent);
    tally.equal(
      `${where} miners`,
      [...new Set([...found, ...listed])].toSorted((a, b) => a - b),
      vector.top_miners,
    );
  }
  for (const [index, { ops }] of iterator.entries()) checkMinerRound(tally, `top_miners.json iterator[${index}]`, ops);
}

function checkMinerRound(tally: Tally, where: string, [start, ...ops]: Vector[]): void {
  const random = new Random(start.seed);
  const round = new MinerRound(start.uids, (min, max) => random.integer(min, max));
  tally.equal(`${where} start`, round.peek(), start.uids.toSorted((a: number, b: number) => a - b)[start.index]);
  for (const [step, operation] of ops.entries()) {
    if (operation.op === "set") {
      round.replace(operation.uids);
      tally.equal(`${where} ops[${step}]`, round.peek(), operation.peek);
    } else {
      const taken = Array.from({ length: operation.count }, () => round.next());
      tally.equal(`${where} ops[${step}]`, taken, operation.out);
    }
  }
}
