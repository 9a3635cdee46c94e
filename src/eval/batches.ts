/**
 * Asks a model's child the questions of an evaluation, group by group in order.
 *
 * The engine computes short samples together, and the last bit of a loss may depend on its company. So the groups follow
 * from the questions alone, and the losses of a group are stored together or not at all: an evaluation that was
 * interrupted goes on at the beginning of a group and ends with the very numbers of one that was not.
 */
import type { Invalid } from "../base/invalid.ts";
import type { ChildFailure } from "../base/limited-process.ts";
import type { ModelChild } from "./child.ts";
import type { GenerationSample, LossSample } from "./sample.ts";
import type { Answer, Question, TaskMethod } from "./tasks/task.ts";

export interface BatchesInput {
  readonly child: ModelChild;
  readonly method: TaskMethod;
  readonly questions: readonly Question[];
  /** Batches below this number have their loss already. */
  readonly firstBatch: number;
  /** Called as soon as a batch is answered; its loss is not stored yet. */
  readonly onBatch: (batch: number) => void;
  /** Stores the losses of consecutive batches, all or none. */
  readonly store: (firstBatch: number, losses: readonly number[]) => Promise<void>;
}

/** Undefined: every batch has its loss. */
export type BatchesOutcome = Invalid | ChildFailure | undefined;

/** A group of losses is closed when it has this many tokens: enough to fill the engine's batches several times. */
const groupTokens = 8192;
/** A continuation is decoded only when its request is over, so this many batches wait for each other. */
const generatedBatchesAtOnce = 16;

/** Undefined when every batch has its loss, else why the child could not go on. Throws `InterruptedError`. */
export async function measureBatches(input: BatchesInput): Promise<BatchesOutcome> {
  for (const batches of groupsOf(input.questions)) {
    const first = batches[0]![0]!.batch;
    if (first < input.firstBatch) continue;
    const group = new Group(input, batches);
    const failure = await group.ask();
    if (failure !== undefined) return failure;
    await input.store(first, group.losses());
  }
  return undefined;
}

interface OpenGroup {
  readonly generates: boolean;
  readonly batches: (readonly Question[])[];
  tokens: number;
}

/** Batches of losses alone go together until they have many tokens; batches that generate, a few at a time. */
function groupsOf(questions: readonly Question[]): (readonly (readonly Question[])[])[] {
  const batches = [...Map.groupBy(questions, ({ batch }) => batch)].sort(([a], [b]) => a - b);
  const groups: OpenGroup[] = [];
  for (const [, members] of batches) {
    const generates = members.some(({ sample }) => sample.kind === "generation");
    const last = groups.at(-1);
    const hasRoom =
      last !== undefined && (generates ? last.batches.length < generatedBatchesAtOnce : last.tokens < groupTokens);
    const group = hasRoom && last.generates === generates ? last : { generates, batches: [], tokens: 0 };
    if (group !== last) groups.push(group);
    group.batches.push(members);
    group.tokens += members.reduce((sum, { sample }) => sum + (sample.kind === "loss" ? sample.ids.length : 0), 0);
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

  /** Of all batches, in order. */
  losses(): number[] {
    return this.batches.map((batch) =>
      this.input.method.loss(
        batch,
        batch.map((question) => this.#answers.get(question)!),
      ),
    );
  }

  #take(question: Question, answer: Answer): void {
    this.#answers.set(question, answer);
    const batch = this.#batchOf.get(question)!;
    if (batch.every((member) => this.#answers.has(member))) this.input.onBatch(question.batch);
  }
}
