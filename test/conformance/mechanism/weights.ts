/** weights*.json: moving averages per competition and the subnet's weights. */
import { repairedRules } from "../../../src/competition/competition.ts";
import { movingAverage, type Share, subnetWeights } from "../../../src/competition/moving-average.ts";
import { normalize, softmaxWeights } from "../../../src/competition/round-weights.ts";
import { numberOf, type Tally, type Vector } from "./tally.ts";

export function checkWeights(tally: Tally): void {
  const latest = tally.read("weights.json");
  for (const [index, vector] of latest.softmax.entries())
    tally.nearTensor(
      `weights.json softmax[${index}]`,
      softmaxWeights(vector.win_rate, vector.temperature),
      vector.weights,
    );
  for (const [file, sequences] of [
    ["weights.json", latest.tracker],
    ["weights.launch.json", tally.read("weights.launch.json").tracker],
  ])
    for (const [index, sequence] of sequences.entries()) checkSequence(tally, `${file} tracker[${index}]`, sequence);
}

function checkSequence(tally: Tally, where: string, { alpha, threshold, rounds }: Vector): void {
  // Each round starts from what the original had stored after the one before.
  let stored = new Map<string, number[]>();
  for (const [index, round] of rounds.entries()) {
    const here = `${where} rounds[${index}]`;
    const id = `${round.recorded_competition}`;
    const averaged = movingAverage(
      stored.has(id) ? sharesOf(stored.get(id)!) : null,
      sharesOf(normalize(round.new_weights.map(numberOf))),
      { alpha, replacedHotkey: "cleared" },
    );
    const after = new Map(Object.entries(round.after_record).map(([key, list]) => [key, numbersOf(list as Vector)]));
    // A stored NaN is the original's accident; ours is zero there and is not compared with it.
    if (!stored.get(id)?.some(Number.isNaN)) tally.nearTensor(`${here} average`, tensorOf(averaged), after.get(id)!);

    const active = round.active
      .filter((competition: Vector) => after.has(`${competition.id}`))
      .map((competition: Vector) => ({
        competition: {
          emissionShare: competition.share,
          movingAverage: { alpha, threshold },
          rules: repairedRules,
        },
        averages: sharesOf(after.get(`${competition.id}`)!),
      }));
    const size = round.subnet_weights.length;
    tally.nearTensor(`${here} weights`, tensorOf(subnetWeights(active), size), numbersOf(round.subnet_weights));
    stored = new Map(Object.entries(round.after_read).map(([key, list]) => [key, numbersOf(list as Vector)]));
    // With a threshold the original's reading divides the stored average by its sum; ours leaves it as it is.
    for (const [key, list] of stored)
      if (!list.some(Number.isNaN))
        tally.nearTensor(`${here} stored`, threshold > 0 ? normalize(after.get(key)!) : after.get(key)!, list);
  }
}

function numbersOf(list: readonly (number | string | null)[]): number[] {
  return list.map(numberOf);
}

function sharesOf(tensor: readonly number[]): Share[] {
  return tensor.map((weight, uid) => ({ uid, hotkey: `${uid}`, weight: Number.isNaN(weight) ? 0 : weight }));
}

function tensorOf(shares: readonly Share[], size = 1 + Math.max(...shares.map(({ uid }) => uid))): number[] {
  const tensor = new Array<number>(size).fill(0);
  for (const { uid, weight } of shares) tensor[uid] = weight;
  return tensor;
}
