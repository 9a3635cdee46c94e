/** multiple_choice.json, if_eval_score.json, *_loss*.json: from answers and logits to a task's loss. */
import { scoreInstructions } from "../../../src/eval/tasks/instruction-following.ts";
import { chosenLetter, multipleChoice } from "../../../src/eval/tasks/multiple-choice.ts";
import { referenceLoss } from "../../../src/eval/tasks/reference-loss.ts";
import { responseLoss } from "../../../src/eval/tasks/response-loss.ts";
import type { Answer, Question, TaskMethod, TaskText } from "../../../src/eval/tasks/task.ts";
import { areReasonable, textLoss } from "../../../src/eval/tasks/text-loss.ts";
import { ruleOf } from "./generated.ts";
import { numberOf, type Tally, type Vector } from "./tally.ts";

const limits = { sequenceLengthMax: 4096, newTokensMax: 20, promptTokens: 100 };
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

export function checkMultipleChoice(tally: Tally): void {
  const { choice, score } = tally.read("multiple_choice.json");
  for (const [index, { response, chosen }] of choice.entries())
    tally.equal(`multiple_choice.json choice[${index}]`, chosenLetter(response), chosen);
  for (const [index, vector] of score.entries()) {
    // Without a sample there is no round of this task; the original scores 1.
    if (vector.samples.length === 0) continue;
    const texts = vector.samples.map(([, answer]: string[]): TaskText => ({ kind: "choice", challenge: "", answer }));
    const questions = multipleChoice.questions(
      texts,
      texts.map(() => [1]),
      limits,
    );
    const losses = questions.map((question, place) => {
      const [response] = vector.samples[place];
      return multipleChoice.loss([question], [response === null ? failed : { kind: "text", text: response }]);
    });
    tally.near(`multiple_choice.json score[${index}]`, mean(losses), vector.score);
  }
}

export function checkInstructionScore(tally: Tally): void {
  for (const [index, { samples, score }] of tally.read("if_eval_score.json").cases.entries()) {
    const given = samples.map(({ rules, responses }: Vector) => ({ rules: rules.map(ruleOf), responses }));
    tally.near(`if_eval_score.json cases[${index}]`, scoreInstructions(given), score);
  }
}

export function checkReferenceLoss(tally: Tally): void {
  for (const [index, vector] of tally.read("reference_loss.json").cases.entries()) {
    const where = `reference_loss.json cases[${index}]`;
    const { samples } = vector;
    if (samples.length === 0) continue;
    const texts = samples.map((): TaskText => ({ kind: "reference", context: "", reference: "" }));
    const ids = samples.flatMap(({ context, reference }: Vector) => [context, reference]);
    const questions = referenceLoss.questions(texts, ids, limits);
    for (const [place, { sample }] of questions.entries()) {
      // An empty reference makes the original score the whole text; here there is nothing to score.
      const expected = samples[place].reference.length === 0 ? [] : samples[place].counted_label_positions;
      if (sample.kind === "loss") tally.equal(`${where} counted`, countedPositions(sample), expected);
    }
    const loss = lossOf(
      referenceLoss,
      questions,
      samples.map(({ logits }: Vector) => logits),
    );
    // Where the original fails, or divides nothing by nothing, the loss is infinite.
    const isUnscored = samples.some(({ reference }: Vector) => reference.length === 0);
    const expected = vector.error !== undefined || vector.loss === null || isUnscored ? "inf" : vector.loss;
    tally.nearLoss(where, loss, numberOf(expected));
  }
}

export function checkResponseLoss(tally: Tally): void {
  for (const [index, vector] of tally.read("response_loss.launch.json").cases.entries()) {
    const where = `response_loss.launch.json cases[${index}]`;
    const texts: TaskText[] = [{ kind: "conversation", prompt: "", response: "" }];
    if (vector.model_raises) {
      tally.equal(where, responseLoss.loss([], [failed]), Number.POSITIVE_INFINITY);
      continue;
    }
    const prompt = new Array<number>(vector.prompt_length).fill(0);
    const [question] = responseLoss.questions(texts, [prompt, vector.ids], limits);
    if (question?.sample.kind === "loss")
      tally.equal(`${where} counted`, countedPositions(question.sample), vector.counted_positions);
    // The original's NaN loses every match, as the infinite loss here does.
    tally.nearLoss(where, lossOf(responseLoss, [question!], [vector.logits]), numberOf(vector.loss ?? "inf"));
  }
}

export function checkTextLoss(tally: Tally): void {
  const { cases, reasonable_output: outputs } = tally.read("text_loss.json");
  for (const [index, { first, second, reasonable }] of outputs.entries())
    tally.equal(`text_loss.json reasonable_output[${index}]`, areReasonable(first, second), reasonable);
  for (const [index, vector] of cases.entries()) {
    const { samples, continuations } = vector;
    const texts = samples.map((): TaskText => ({ kind: "document", text: "" }));
    // The padded ids, as the original has them, reproduce its loss.
    const questions = textLoss.questions(
      texts,
      samples.map(({ ids }: Vector) => ids),
      limits,
    );
    const loss = lossOf(
      textLoss,
      questions,
      samples.map(({ logits }: Vector) => logits),
      continuations,
    );
    tally.nearLoss(`text_loss.json cases[${index}]`, loss, numberOf(vector.loss));
  }
}

const failed: Answer = { kind: "failed", reason: "failed", detail: "" };

/** The mean over a method's batches, with NLLs computed from logits. */
function lossOf(
  method: TaskMethod,
  questions: readonly Question[],
  logits: readonly (number[][] | null)[],
  continuations: readonly (number[] | null)[] = [],
): number {
  let generated = 0;
  const answers = questions.map(({ batch, sample }): Answer => {
    if (sample.kind === "generation") {
      const ids = continuations[generated++];
      return ids == null ? failed : { kind: "generation", ids: [...ids] };
    }
    const rows = logits[batch];
    if (rows == null) return failed;
    const nll = countedPositions(sample).map((at) => nllOf(rows[at - 1]!, sample.ids[at]!));
    return { kind: "loss", lossNatsMean: nll.length === 0 ? null : mean(nll), tokensScored: nll.length };
  });
  const batches = Map.groupBy(questions.keys(), (place) => questions[place]!.batch);
  return mean(
    [...batches.values()].map((places) =>
      method.loss(
        places.map((place) => questions[place]!),
        places.map((place) => answers[place]!),
      ),
    ),
  );
}

function countedPositions({
  ids,
  scoredFrom,
}: {
  readonly ids: readonly number[];
  readonly scoredFrom: number;
}): number[] {
  return [...ids.keys()].filter((at) => at >= Math.max(scoredFrom, 1));
}

function nllOf(logits: readonly number[], target: number): number {
  const highest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - highest), 0);
  return highest + Math.log(sum) - logits[target]!;
}
