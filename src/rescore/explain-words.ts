/** An explanation in words: from the weight on the chain down to the batches. */
import type { Explanation } from "./explain.ts";
import type { Rivalry, TaskRivalry } from "./rivals.ts";
import type { Table } from "./table.ts";

/** Sentences, one a line, from the weight to what would have won. */
export function explainWords(explanation: Explanation): string[] {
  return [
    headline(explanation),
    ...weightWords(explanation),
    ...roundWords(explanation),
    ...rivalWords(explanation),
    ...neededWords(explanation),
  ];
}

/** Every rival it met. */
export function rivalTable({ rivals, standing }: Explanation): Table {
  const sure = rivals.some(({ confidence }) => confidence !== null);
  return {
    header: [
      "rank",
      "rival",
      "committed",
      "ε",
      "discount for",
      "won",
      "lost",
      "own score",
      "its score",
      ...(sure ? ["surely better"] : []),
    ],
    rows: rivals.map((rival) => [
      rival.rank,
      `uid ${rival.uid}`,
      rival.modelBlock,
      rival.epsilon.toFixed(4),
      { self: "itself", rival: "the rival", neither: "nobody" }[rival.earlier],
      rival.won,
      rival.lost,
      loss(standing?.score ?? Number.POSITIVE_INFINITY),
      loss(rival.score),
      ...(sure ? [rival.confidence === null ? "–" : `${(100 * rival.confidence.probabilityBetter).toFixed(1)} %`] : []),
    ]),
  };
}

function headline({ uid, hotkey, repo, revision, modelBlock, competition, syncBlock }: Explanation): string {
  const model = repo === null ? "no model" : `${repo}@${revision?.slice(0, 8)}, committed at block ${modelBlock}`;
  return `Uid ${uid} (${hotkey}) in competition ${competition.id}, ${competition.name}, round of block ${syncBlock}: ${model}.`;
}

function weightWords({ weight, competition }: Explanation): string[] {
  const { submitted, averageBefore } = weight;
  const below = weight.average > 0 && weight.averagePart < weight.threshold;
  return [
    submitted === null
      ? "No weights were submitted after this round."
      : `The weights submitted after the round (block ${submitted.block}, ${submitted.state}) gave it ${submitted.value}, where the best has 65535.`,
    `After the round it has ${part(weight.subnet)} of the subnet's weights: its moving average is ${part(weight.average)}, ` +
      `${part(weight.averagePart)} of all in this competition, which distributes ${part(competition.emissionShare)} of the subnet.` +
      (below ? ` That is under the threshold of ${part(weight.threshold)}, so it is not paid.` : ""),
    averageBefore === null
      ? `The average is this round's weight of ${part(weight.round)}, since the competition had none before.`
      : `The average is ${part(weight.alpha)} × ${part(averageBefore)} before + ${part(1 - weight.alpha)} × ${part(weight.round)} of this round.`,
  ];
}

function roundWords({ refusal, standing, failures, winner, rivals }: Explanation): string[] {
  if (refusal !== null)
    return [`It did not contend: ${refusal.reason}${refusal.detail === "" ? "" : ` (${refusal.detail})`}.`];
  if (standing === null) return ["The losses of that round are pruned: there is nothing to walk back to."];
  const failed = Object.entries(failures).map(([task, reason]) => `Its ${task} failed: ${reason}.`);
  if (standing.outcome === "duplicate")
    return [
      ...failed,
      `Its parameters are those of uid ${standing.duplicateOf}, which committed them first: it meets nobody.`,
    ];
  const scores = standing.tasks.map(({ task, raw, normalized, weighted }) =>
    raw === weighted
      ? `${task} ${loss(raw)}`
      : `${task} ${loss(raw)} (on the scale ${loss(normalized)}, weighted ${loss(weighted)})`,
  );
  const score = `Its score is ${loss(standing.score)}: ${scores.join(", ")}.`;
  const met = rivals.length === 1 ? "one rival" : `${rivals.length} rivals`;
  const record = `Against ${met} it won ${standing.wins} of ${standing.matches} matches, a win rate of ${part(standing.winRate)}: rank ${standing.rank}.`;
  const best = winner === null || winner === standing.uid ? "" : ` The best was uid ${winner}.`;
  return [...failed, score, record + best];
}

/** The rivals that decided: the best one, and whoever took most from it. */
function rivalWords({ rivals }: Explanation): string[] {
  const worst = rivals.toSorted((a, b) => b.lost - a.lost || a.rank - b.rank)[0];
  const chosen = [...new Set([rivals[0], worst])].filter((rival) => rival !== undefined);
  return chosen.flatMap((rival) => [rivalSentence(rival), ...rival.tasks.map((task) => taskSentence(rival.uid, task))]);
}

function rivalSentence({ uid, earlier, epsilon, modelBlock, won, lost, confidence }: Rivalry): string {
  const advantage = {
    self: `it was first, so its losses counted ${percent(epsilon)} less`,
    rival: `the rival was first (block ${modelBlock}), so the rival's losses counted ${percent(epsilon)} less`,
    neither: "both were committed at the same block, so nobody had an advantage",
  }[earlier];
  const sure =
    confidence === null
      ? ""
      : ` Over other batches like these ${confidence.batches} it would have the lower mean with a probability of ${percent(confidence.probabilityBetter)} (difference ${loss(confidence.differenceMean)}, 95 % between ${loss(confidence.differenceLow)} and ${loss(confidence.differenceHigh)}).`;
  return `Uid ${uid}: ${advantage}; it won ${won} and lost ${lost}.${sure}`;
}

function taskSentence(uid: number, { task, own, rival, wonBatches, lostBatches }: TaskRivalry): string {
  const won = wonBatches.length === 0 ? "no batch" : `batches ${ranges(wonBatches)}`;
  const lost = lostBatches.length === 0 ? "none" : ranges(lostBatches);
  return `  ${task}: mean ${loss(own)} against ${loss(rival)} of uid ${uid}; better on ${won}, worse on ${lost}.`;
}

function neededWords({ needed, standing, winner, uid }: Explanation): string[] {
  if (winner === uid) return ["It was the best of the round."];
  if (standing === null || standing.outcome !== "scored") return [];
  if (needed === null) return ["No lower loss would have made it the best."];
  return [
    `To be the best, each of its losses would have had to be ${percent(needed.reduction)} lower: a score of ${loss(needed.score)} instead of ${loss(standing.score)}.`,
  ];
}

/** `0–3, 7, 9–11`. */
export function ranges(numbers: readonly number[]): string {
  const spans: [number, number][] = [];
  for (const number of numbers) {
    const last = spans.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}

function part(value: number): string {
  return value > 0 && value < 0.0001 ? value.toExponential(1) : value.toFixed(4);
}

function loss(value: number): string {
  return Number.isFinite(value) ? value.toFixed(5) : "∞";
}

function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`;
}
