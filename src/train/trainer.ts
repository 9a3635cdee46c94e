/**
 * A model under training: its trained tensors in memory, everything else in its files, and one step at a time. The loop
 * around it decides what to learn and when to stop.
 */
import { assert } from "../base/assert.ts";
import { Random } from "../base/random.ts";
import type { Tensor } from "../eval/session.ts";
import type { ModelFolder } from "../model/folder.ts";
import type { Model } from "../model/model.ts";
import { rotaryTables } from "../model/rope.ts";
import { type AdamWOptions, clipScale } from "./adamw.ts";
import { countedTokens, type Example, feedRows, type Row, tokensOf } from "./batch.ts";
import { addAndGiveBack, type Computation, createComputation } from "./computation.ts";
import { dropoutPrefix, gradientPrefix, type Method } from "./objective.ts";
import { Optimizer, type OptimizerState } from "./optimizer.ts";
import { packRows } from "./packing.ts";
import { feedPieces, type RunSize, tokensMin } from "./pieces.ts";
import type { Trainable } from "./trainable.ts";

export interface TrainerOptions extends AdamWOptions {
  readonly method: Method;
  /** Gradients are scaled down to this L2 norm over all tensors. */
  readonly gradientNormMax: number;
  /** Examples a run; a step of more is several runs whose gradients are added up. */
  readonly batchExamples: number;
  /** See `ComputationOptions`. */
  readonly size: RunSize;
  /** Examples share rows of at most so many tokens where that is less work; each has a row of its own when absent. */
  readonly rowTokensMax?: number;
  /** Of adapters' dropout, together with the step: going on from a checkpoint draws the same. 0 when absent. */
  readonly dropoutSeed?: bigint;
  /** See `ComputationOptions`; off when absent. */
  readonly recompute?: boolean;
  readonly threads?: number;
}

export interface StepResult {
  /** Mean NLL in nats over the counted tokens, before the update. */
  readonly lossNatsMean: number;
  readonly tokens: number;
  /** L2 norm over all gradients, before clipping. */
  readonly gradientNorm: number;
  readonly rows: number;
  /** Of the rows' tokens, how many are padding: 0 … 1. */
  readonly paddingPart: number;
}

export interface Measurement {
  /** Mean NLL in nats over the counted tokens. */
  readonly lossNatsMean: number;
  readonly tokens: number;
  readonly rows: number;
  readonly paddingPart: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** What a checkpoint must hold to go on bit for bit. */
export interface TrainerState extends OptimizerState {
  readonly step: number;
}

export class Trainer {
  readonly trainables: readonly Trainable[];
  readonly #computation: Computation;
  readonly #optimizer: Optimizer;
  #step = 0;

  private constructor(
    private readonly model: Model,
    private readonly options: TrainerOptions,
    computation: Computation,
    values: ReadonlyMap<string, Float32Array>,
  ) {
    this.#computation = computation;
    this.trainables = computation.trainables;
    this.#optimizer = new Optimizer(values, options.threads);
  }

  /** @param start gives the trainables' starting values, each of its shape's size; they are the trainer's from then on */
  static async create(
    folder: ModelFolder,
    model: Model,
    options: TrainerOptions,
    start: (trainables: readonly Trainable[]) => Promise<Map<string, Float32Array>>,
  ): Promise<Trainer> {
    const { method, recompute = false, size, threads } = options;
    const computation = await createComputation(folder, model, {
      method,
      recompute,
      size,
      ...(threads === undefined ? {} : { threads }),
    });
    const { trainables } = computation;
    const values = await start(trainables);
    for (const { name, shape } of trainables)
      assert(values.get(name)?.length === shape.reduce((size, side) => size * side, 1), `values of ${name}`);
    return new Trainer(model, options, computation, values);
  }

  get state(): TrainerState {
    return { step: this.#step, ...this.#optimizer.state };
  }

  restore({ step, ...state }: TrainerState): void {
    this.#step = step;
    this.#optimizer.restore(state);
  }

  /** Learns from the examples once. A loss or gradient that is not finite changes nothing: the caller sees it and stops. */
  async step(examples: readonly Example[], learningRate: number): Promise<StepResult> {
    const { gradients, ...measured } = await this.measure(examples);
    const norm = await this.#optimizer.take(gradients);
    if (Number.isFinite(measured.lossNatsMean) && Number.isFinite(norm)) {
      this.#step += 1;
      const { beta1, beta2, epsilon, weightDecay, gradientNormMax } = this.options;
      const gradientScale = clipScale(norm, gradientNormMax);
      const rates = { beta1, beta2, epsilon, weightDecay, learningRate, gradientScale };
      await this.#optimizer.update({ ...rates, step: this.#step });
    }
    return { ...measured, gradientNorm: norm };
  }

  /** The loss of the examples and its gradients by name, without learning. */
  async measure(examples: readonly Example[]): Promise<Measurement> {
    const tokens = examples.reduce((sum, example) => sum + countedTokens(example), 0);
    assert(tokens > 0, "a step without a counted token");
    const { batchExamples } = this.options;
    let [lossNatsMean, rowCount, computedTokens] = [0, 0, 0];
    const gradients = new Map<string, Float32Array>();
    for (let start = 0; start < examples.length; start += batchExamples) {
      const rows = this.#pack(examples.slice(start, start + batchExamples));
      rowCount += rows.length;
      computedTokens += rows.length * Math.max(...rows.map(tokensOf));
      const outputs = await this.#run(rows, 1 / tokens, start);
      lossNatsMean += outputs.loss!.data[0] as number;
      for (const { name } of this.trainables) {
        const gradient = outputs[gradientPrefix + name]!.data as Float32Array;
        const sum = gradients.get(name);
        if (sum === undefined) gradients.set(name, gradient);
        else addAndGiveBack(sum, gradient);
      }
    }
    return { lossNatsMean, tokens, rows: rowCount, paddingPart: 1 - tokensOf(examples) / computedTokens, gradients };
  }

  async close(): Promise<void> {
    await this.#optimizer.close();
    await this.#computation.close();
  }

  #pack(examples: readonly Example[]): readonly Row[] {
    const { rowTokensMax } = this.options;
    if (rowTokensMax === undefined) return examples.map((example) => [example]);
    return packRows(examples, { rowTokensMax, width: this.model.width });
  }

  /** @param place of the first example in its step, so that every run of a step has a dropout of its own */
  async #run(rows: readonly Row[], tokenWeight: number, place: number): Promise<Record<string, Tensor>> {
    const { pieces } = this.#computation;
    const feeds = feedRows(rows, tokenWeight, tokensMin(pieces));
    this.#feedDropout(feeds, place);
    const tokens = feeds.ids!.shape[1]!;
    Object.assign(feeds, feedPieces(pieces, rows.length * tokens, tokens));
    // Some frequencies depend on the length, which is that of an example and not of its row.
    const longest = Math.max(...rows.flat().map(({ ids }) => ids.length));
    for (const [name, rope] of Object.entries(this.model.ropes)) {
      const { cos, sin } = rotaryTables(rope.frequencies(longest), tokens, rope.firstPosition);
      const shape = [tokens, rope.rotated / 2];
      feeds[`rope.${name}.cos`] = { dtype: "f32", shape, data: cos };
      feeds[`rope.${name}.sin`] = { dtype: "f32", shape, data: sin };
    }
    const { values } = this.#optimizer.state;
    for (const { name, shape } of this.trainables) feeds[name] = { dtype: "f32", shape, data: values.get(name)! };
    // A model without a rotary embedding in any layer has tables that its graph does not read.
    const needed = this.#computation.inputs.map(({ op: { name } }) => [name, feeds[name]!] as const);
    return await this.#computation.run(Object.fromEntries(needed));
  }

  #feedDropout(feeds: Record<string, Tensor>, place: number): void {
    const { method, dropoutSeed = 0n } = this.options;
    if (method.kind !== "lora" || method.dropout === 0) return;
    const random = new Random(`dropout of step ${this.#step + 1}, ${place}, seed ${dropoutSeed}`);
    const rows = feeds.targets!.shape[0]! + this.trainables.length / 2;
    for (const { op } of this.#computation.inputs) {
      if (!op.name.startsWith(dropoutPrefix)) continue;
      const width = op.shape[1] as number;
      const kept = 1 / (1 - method.dropout);
      const data = Float32Array.from({ length: rows * width }, () => (random.random() < method.dropout ? 0 : kept));
      feeds[op.name] = { dtype: "f32", shape: [rows, width], data };
    }
  }
}
