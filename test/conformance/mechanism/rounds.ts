/** rounds*.json: whole rounds, from the contenders' losses to standings, averages, weights and who contends again. */
import { builtInCompetitions } from "../../../src/competition/built-in.ts";
import { type Competition, publishedRules, repairedRules } from "../../../src/competition/competition.ts";
import { type Share, subnetWeights } from "../../../src/competition/moving-average.ts";
import { keepBest } from "../../../src/competition/queue.ts";
import { judgeRound, type RoundModel, type RoundVerdict } from "../../../src/competition/round.ts";
import { competitionAt } from "../../../src/competition/schedule.ts";
import { numberOf, type Tally, type Vector } from "./tally.ts";

export function checkRounds(tally: Tally): void {
  const file = builtInCompetitions("sn37-latest");
  for (const [index, sequence] of tally.read("rounds.json").sequences.entries()) {
    const movingAverage = { alpha: sequence.alpha, threshold: sequence.threshold };
    checkSequence(tally, `rounds.json sequences[${index}]`, sequence, (id, share, block) => ({
      ...competitionAt(file, block, id)!,
      // One score per model, as the original's tasks had given it.
      tasks: [scoreTask],
      movingAverage,
      emissionShare: share,
    }));
  }
}

export function checkRoundsLaunch(tally: Tally): void {
  const launch = builtInCompetitions("sn37-launch").schedule[0]!.competitions[0]!;
  for (const [index, sequence] of tally.read("rounds.launch.json").sequences.entries()) {
    const { alpha, temperature, epsilon: value } = sequence;
    checkSequence(tally, `rounds.launch.json sequences[${index}]`, sequence, () => ({
      ...launch,
      tasks: [scoreTask],
      epsilon: { kind: "fixed", value },
      roundWeights: { kind: "softmax", temperature },
      movingAverage: { alpha, threshold: 0 },
    }));
  }
}

const scoreTask: Competition["tasks"][number] = {
  name: "score",
  weight: 1,
  samples: 1,
  source: { kind: "arithmetic", digitsMax: 1 },
  method: { kind: "reference-loss" },
  normalization: { kind: "none" },
};

function checkSequence(
  tally: Tally,
  where: string,
  { rounds, sample_min: keptModels }: Vector,
  competitionOf: (id: number, share: number, block: number) => Competition,
): void {
  let stored = new Map<number, readonly Share[]>();
  for (const [index, round] of rounds.entries()) {
    const here = `${where} rounds[${index}]`;
    if (round.evaluated.length === 0) continue;
    const block = round.block ?? 0;
    const active: { id: number; share: number }[] = round.active ?? [{ id: round.competition, share: 1 }];
    const ruled = (id: number, rules: Competition["rules"]) => {
      const { share } = active.find((entry) => entry.id === id)!;
      return { ...competitionOf(id, share, block), rules };
    };
    const models: RoundModel[] = round.evaluated.map(modelOf);
    const previousAverages = stored.get(round.competition) ?? null;
    const input = { block, models, previousAverages };
    const published = judgeRound({ ...input, competition: ruled(round.competition, publishedRules) });
    checkPublished(tally, here, round, published, keptModels);
    stored.set(round.competition, published.averages ?? []);
    stored = new Map([...stored].filter(([id]) => active.some((entry) => entry.id === id)));
    const weights = subnetWeights(
      active.flatMap(({ id }) =>
        stored.has(id) ? [{ competition: ruled(id, publishedRules), averages: stored.get(id)! }] : [],
      ),
    );
    tally.nearTensor(`${here} subnet weights`, tensorOf(weights, round.subnet_weights.length), round.subnet_weights);
    const repaired = judgeRound({ ...input, competition: ruled(round.competition, repairedRules) });
    checkRepaired(tally, here, published, repaired);
  }
}

function modelOf(entry: Vector): RoundModel {
  const losses = (entry.losses ?? [entry.score]).map(numberOf);
  const { uid, hotkey } = entry;
  return { uid, hotkey, modelBlock: numberOf(entry.block), perTask: { score: { kind: "losses", losses } } };
}

function checkPublished(tally: Tally, where: string, round: Vector, verdict: RoundVerdict, keptModels: number): void {
  const standings = new Map(verdict.standings.map((standing) => [standing.uid, standing]));
  for (const { uid, wins, win_rate: winRate, score } of round.evaluated) {
    tally.equal(`${where} uid ${uid} wins`, standings.get(uid)!.wins, wins);
    tally.near(`${where} uid ${uid} rate`, standings.get(uid)!.winRate, winRate);
    if (score !== undefined) tally.near(`${where} uid ${uid} score`, standings.get(uid)!.score, numberOf(score));
  }
  const expected = round.average[round.competition];
  const average = tensorOf(verdict.averages!, expected.length);
  tally.nearTensor(`${where} average`, average, expected);
  // Who of equals is kept follows the order in which the original held them.
  const priorities = round.evaluated.map(({ uid }: Vector) => {
    const paid = round.losses === undefined && round.block !== undefined ? average : round.subnet_weights;
    return { uid, averageWeight: paid[uid], winRate: standings.get(uid)!.winRate };
  });
  const kept = keepBest(priorities, keptModels).toSorted((a, b) => a - b);
  tally.equal(`${where} kept`, kept, round.kept[round.competition] ?? []);
}

/** The repaired rules change who is paid only where the original pays several best models, or failed ones. */
function checkRepaired(tally: Tally, where: string, published: RoundVerdict, repaired: RoundVerdict): void {
  const paidBy = (verdict: RoundVerdict) =>
    verdict.roundWeights.filter(({ weight }) => weight > 0).map(({ uid }) => uid);
  const scored = repaired.standings.filter(({ outcome }) => outcome === "scored").map(({ uid }) => uid);
  const both = paidBy(published).filter((uid) => scored.includes(uid));
  tally.equal(
    `${where} repaired pays only the published`,
    paidBy(repaired).every((uid) => both.includes(uid)),
    true,
  );
  tally.equal(`${where} repaired pays somebody`, paidBy(repaired).length > 0, scored.length > 0);
}

function tensorOf(shares: readonly Share[], size: number): number[] {
  const tensor = new Array<number>(size).fill(0);
  for (const { uid, weight } of shares) tensor[uid] = weight;
  return tensor;
}
