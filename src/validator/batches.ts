/**
 * Asks a model's child the questions of an evaluation, batch by batch in order, and hands over each batch's loss as soon
 * as its last answer is there.
 */
import type { ModelChild } from "../eval/child.ts";
import type { GenerationSample, LossSample } from "../eval/sample.ts";
import type { Answer, Question, TaskMethod } from "../eval/tasks/task.ts";

export interface BatchesInput {
  readonly child: ModelChild;
  readonly method: TaskMethod;
  readonly questions: readonly Question[];
  /** Batches below this number have their loss already. */
  readonly firstBatch: number;
  readonly onLoss: (batch: number, loss: number) => void;
}

export type BatchesOutcome = { readonly reason: string; readonly detail: string } | undefined;

/** A continuation is decoded only when its request is over, so this many batches wait for each other. */
const generatedBatchesAtOnce = 16;

/** Undefined when every batch has its loss, else why the child could not go on. Throws `InterruptedError`. */
export async function measureBatches(input: BatchesInput): Promise<BatchesOutcome> {
  const batches = Map.groupBy(input.questions, ({ batch }) => batch);
  const rest = [...batches].filter(([batch]) => batch >= input.firstBatch).sort(([a], [b]) => a - b);
  for (const group of groupsOf(rest.map(([, questions]) => questions))) {
    const failure = await new Group(input, group).ask();
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** Batches of losses alone go in one request, as many as follow each other; batches that generate go a few at a time. */
function groupsOf(batches: readonly (readonly Question[])[]): Question[][][] {
  const groups: { generates: boolean; batches: Question[][] }[] = [];
  for (const questions of batches) {
    const generates = questions.some(({ sample }) => sample.kind === "generation");
    const last = groups.at(-1);
    const joins = last?.generates === generates && (!generates || last.batches.length < generatedBatchesAtOnce);
    if (joins) last.batches.push([...questions]);
    else groups.push({ generates, batches: [[...questions]] });
  }
  return groups.map((group) => group.batches);
}

class Group {
  readonly #answers = new Map<Question, Answer>();
  readonly #batchOf = new Map<Question, readonly Question[]>();

  constructor(
    private readonly input: BatchesInput,
    private readonly batches: readonly (readonly Question[])[],
  ) {
    for (const batch of batches) for (const question of batch) this.#batchOf.set(question, batch);
  }

  async ask(): Promise<BatchesOutcome> {
    const { child, method } = this.input;
    const questions = this.batches.flat();
    const losses = questions.filter(({ sample }) => sample.kind === "loss");
    if (losses.length > 0) {
      const samples = losses.map(({ sample }) => sample as LossSample);
      const onResult = (index: number, answer: Answer) => this.#take(losses[index]!, answer);
      const outcome = await child.score(samples, { onResult });
      if (outcome.kind !== "done") return outcome;
    }
    const continued = questions.filter(({ sample }) => sample.kind === "generation");
    if (continued.length === 0) return undefined;
    const outcome = await child.generate(continued.map(({ sample }) => sample as GenerationSample));
    if (outcome.kind !== "done") return outcome;
    const answers = method.readsText ? await this.#decode(outcome.results) : outcome.results;
    if (!Array.isArray(answers)) return answers as Exclude<BatchesOutcome, undefined>;
    for (const [index, question] of continued.entries()) this.#take(question, answers[index]!);
    return undefined;
  }

  /** Continuations as text, special tokens left out. */
  async #decode(results: readonly Answer[]): Promise<Answer[] | Exclude<BatchesOutcome, undefined>> {
    const items = results.map((result) => ({
      ids: result.kind === "generation" ? result.ids : [],
      skipSpecialTokens: true,
    }));
    const decoded = await this.input.child.decode(items);
    if (decoded.kind !== "done") return decoded;
    return results.map((result, index) => (result.kind === "generation" ? decoded.results[index]! : result));
  }

  #take(question: Question, answer: Answer): void {
    this.#answers.set(question, answer);
    const batch = this.#batchOf.get(question)!;
    const answers = batch.map((member) => this.#answers.get(member));
    if (answers.every((known) => known !== undefined))
      this.input.onLoss(question.batch, this.input.method.loss(batch, answers));
  }
}
