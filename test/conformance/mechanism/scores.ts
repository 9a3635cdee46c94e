/** epsilon.json, normalization.json, score.json, wins.*.json: from losses to win rates. */
import { builtInCompetitions } from "../../../src/competition/built-in.ts";
import type { Epsilon } from "../../../src/competition/competition.ts";
import { epsilonAt } from "../../../src/competition/epsilon.ts";
import { normalizeScore } from "../../../src/competition/normalization.ts";
import { softmaxWeights, winnerWeights } from "../../../src/competition/round-weights.ts";
import { competitionAt } from "../../../src/competition/schedule.ts";
import { scoreModel, weighTasks } from "../../../src/competition/score.ts";
import { beats, countWins, winRateOf } from "../../../src/competition/wins.ts";
import { numberOf, type Tally, type Vector } from "./tally.ts";

export function epsilonOf(vector: Vector): Epsilon {
  return vector.type === "fixed"
    ? { kind: "fixed", value: vector.epsilon }
    : { kind: "linear", start: vector.start, end: vector.end, decayBlocks: vector.decay_blocks };
}

export function checkEpsilon(tally: Tally): void {
  for (const [index, vector] of tally.read("epsilon.json").cases.entries()) {
    const value = epsilonAt(epsilonOf(vector.func), vector.current_block, numberOf(vector.model_block));
    tally.equal(`epsilon.json cases[${index}]`, value, vector.epsilon);
  }
}

export function checkNormalization(tally: Tally): void {
  for (const [index, vector] of tally.read("normalization.json").cases.entries()) {
    const score = numberOf(vector.score);
    const actual = normalizeScore(
      score,
      vector.normalization === "none" ? { kind: "none" } : { kind: "inverse-exponential", ceiling: vector.ceiling },
    );
    // Where Python's exp() overflows, JavaScript's is infinite: the original fails, and no score is that negative.
    const expected = vector.error === undefined ? numberOf(vector.out) : Number.NEGATIVE_INFINITY;
    tally.near(`normalization.json cases[${index}]`, actual, expected);
  }
}

export function checkScore(tally: Tally): void {
  const file = builtInCompetitions("sn37-latest");
  for (const [index, vector] of tally.read("score.json").cases.entries()) {
    const where = `score.json cases[${index}]`;
    const competition = competitionAt(file, vector.schedule_block, vector.competition)!;
    const loaded: string[] = vector.loaded_tasks;
    const raw: number[] = vector.raw.map(numberOf);
    const results = Object.fromEntries(
      loaded.map((name, place) => [name, { kind: "losses", losses: [raw[place]!] } as const]),
    );
    const scored = scoreModel(weighTasks(competition, new Set(loaded)), results, "infinite");
    tally.near(where, scored.score, numberOf(vector.score));
    for (const { task, ...parts } of scored.tasks)
      for (const [place, actual] of [parts.raw, parts.normalized, parts.weighted].entries())
        tally.near(`${where} ${task}[${place}]`, actual, numberOf(vector.details[task][place]));
  }
}

export function checkWinsLatest(tally: Tally): void {
  const { is_win: matches, scenarios } = tally.read("wins.latest.json");
  for (const [index, vector] of matches.entries())
    checkMatch(tally, `wins.latest.json is_win[${index}]`, vector, epsilonOf(vector.epsilon), vector.current_block);
  for (const [index, vector] of scenarios.entries()) {
    const where = `wins.latest.json scenarios[${index}]`;
    const contenders = vector.uids.map((_: number, place: number) => ({
      block: numberOf(vector.blocks[place]),
      losses: [numberOf(vector.scores[place])],
    }));
    const records = countWins(contenders, epsilonOf(vector.epsilon), vector.current_block);
    const rates = records.map(winRateOf);
    tally.equal(
      `${where} wins`,
      records.map(({ wins }) => wins),
      vector.wins,
    );
    for (const [place, rate] of rates.entries()) tally.near(`${where} rate`, rate, vector.win_rate[place]);
    const winners = vector.uids.filter((_: number, place: number) => winnerWeights(rates)[place] === 1);
    tally.equal(`${where} winners`, winners, vector.winners);
    tally.equal(`${where} top`, winners[0], vector.top_uid);
  }
}

export function checkWinsLaunch(tally: Tally): void {
  const { epsilon: value, temperature, is_win: matches, scenarios } = tally.read("wins.launch.json");
  const epsilon: Epsilon = { kind: "fixed", value };
  for (const [index, vector] of matches.entries())
    checkMatch(tally, `wins.launch.json is_win[${index}]`, vector, epsilon, 0);
  for (const [index, vector] of scenarios.entries()) {
    const where = `wins.launch.json scenarios[${index}]`;
    const contenders = vector.losses.map((losses: (number | string | null)[], place: number) => ({
      block: numberOf(vector.blocks[place]),
      losses: losses.map(numberOf),
    }));
    const records = countWins(contenders, epsilon, 0);
    tally.equal(
      `${where} wins`,
      records.map(({ wins }) => wins),
      vector.wins,
    );
    for (const [place, record] of records.entries())
      tally.near(`${where} rate`, winRateOf(record), vector.win_rate[place]);
    tally.nearTensor(`${where} weights`, softmaxWeights(records.map(winRateOf), temperature), vector.softmax_weights);
  }
}

function checkMatch(tally: Tally, where: string, vector: Vector, epsilon: Epsilon, block: number): void {
  const i = { loss: numberOf(vector.loss_i), block: numberOf(vector.block_i) };
  const j = { loss: numberOf(vector.loss_j), block: numberOf(vector.block_j) };
  tally.equal(`${where} i`, beats(i, j, { epsilon, block }), vector.i_wins);
  tally.equal(`${where} j`, beats(j, i, { epsilon, block }), vector.j_wins);
  const records = countWins(
    [i, j].map(({ loss, block: at }) => ({ block: at, losses: [loss] })),
    epsilon,
    block,
  );
  tally.equal(
    `${where} counted`,
    records.map(({ wins }) => wins > 0),
    [vector.i_wins, vector.j_wins],
  );
}
