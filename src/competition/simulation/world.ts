/**
 * A subnet in which only the rules are real: miners commit made-up models, whose losses are drawn from a seed. A model's
 * losses follow from its parameters alone, so that an exact copy has exactly the original's losses.
 */
import { Random } from "../../base/random.ts";
import type { Block, Hotkey, Uid } from "../../subnet.ts";
import { type Competition, publishedRules, repairedRules } from "../competition.ts";
import type { RoundModel } from "../round.ts";
import type { TaskResult } from "../score.ts";

/** Rules as the public subnet runs them, or as this program does. */
export type RuleSet = "published" | "repaired";

export interface SimulatedModel {
  /** What its parameters are; equal names are equal parameters. */
  readonly parameters: string;
  /** Its mean loss in nats, before noise. */
  readonly loss: number;
  /** Made of this model by changing the parameters a little: its losses differ by `noise` nats (standard deviation). */
  readonly copyOf?: { readonly model: SimulatedModel; readonly noise: number } | undefined;
}

interface SimulatedCommitment {
  readonly model: SimulatedModel;
  readonly block: Block;
  /** The text of another hotkey's commitment, repeated: its secure hash fails for this one. */
  readonly isCopiedText: boolean;
}

interface SimulatedMiner {
  readonly hotkey: Hotkey;
  readonly commitment: SimulatedCommitment | null;
}

export class World {
  readonly miners = new Map<Uid, SimulatedMiner>();
  readonly competition: Competition;
  block: Block;
  /** Set while nobody's model can be measured. */
  isOutage = false;
  readonly #streams = new Map<string, Random>();
  #drawn: { readonly block: Block; readonly losses: Map<string, readonly number[]> } = { block: -1, losses: new Map() };

  constructor(
    competition: Competition,
    readonly rules: RuleSet,
    readonly options: {
      readonly seed: string;
      readonly batches: number;
      readonly startBlock: Block;
      readonly cadenceBlocks: number;
    },
  ) {
    const [task] = competition.tasks;
    this.competition = {
      ...competition,
      emissionShare: 1,
      rules: rules === "published" ? publishedRules : repairedRules,
      tasks: [{ ...task!, name: taskName, weight: 1, normalization: { kind: "none" } }],
    };
    this.block = options.startBlock;
  }

  /** A hotkey takes a uid; whoever had it is gone. */
  register(uid: Uid, hotkey: Hotkey): void {
    this.miners.set(uid, { hotkey, commitment: null });
  }

  /** A miner commits a model at the current block, or at an earlier one when the world is set up. */
  commit(
    uid: Uid,
    model: SimulatedModel,
    { block = this.block, isCopiedText = false }: { readonly block?: Block; readonly isCopiedText?: boolean } = {},
  ): void {
    this.miners.set(uid, { ...this.miners.get(uid)!, commitment: { model, block, isCopiedText } });
  }

  registered(): Map<Uid, Hotkey> {
    return new Map([...this.miners].map(([uid, { hotkey }]) => [uid, hotkey]));
  }

  /** The models that contend now: old enough, and with a commitment that holds for their hotkey. */
  contenders(): RoundModel[] {
    return [...this.miners].flatMap(([uid, { hotkey, commitment }]) => {
      if (commitment === null || this.block - commitment.block < this.competition.evaluationDelayBlocks) return [];
      // The public subnet accepts the older commitments of four fields without looking at the secure hash.
      if (commitment.isCopiedText && this.rules === "repaired") return [];
      const { model, block: modelBlock } = commitment;
      const perTask = { [taskName]: this.#measure(model) };
      return [{ uid, hotkey, modelBlock, parameterHash: model.parameters, perTask }];
    });
  }

  #measure(model: SimulatedModel): TaskResult {
    if (this.isOutage) return { kind: "failure", reason: "outage" };
    return { kind: "losses", losses: this.#losses(model) };
  }

  /** A model's losses in the present round, the same however often they are asked for. */
  #losses(model: SimulatedModel): readonly number[] {
    if (this.#drawn.block !== this.block) this.#drawn = { block: this.block, losses: new Map() };
    const known = this.#drawn.losses.get(model.parameters);
    if (known !== undefined) return known;
    const losses = this.#drawLosses(model);
    this.#drawn.losses.set(model.parameters, losses);
    return losses;
  }

  /** Batches are more or less difficult for everyone; on top of that each model has its luck. */
  #drawLosses(model: SimulatedModel): readonly number[] {
    const own = this.#streamOf(model.parameters);
    if (model.copyOf !== undefined) {
      const { model: original, noise } = model.copyOf;
      return this.#losses(original).map((loss) => loss + own.gauss(0, noise));
    }
    return this.#difficulties().map((difficulty) => Math.max(0, model.loss + difficulty + own.gauss(0, 0.02)));
  }

  #difficulties(): readonly number[] {
    const known = this.#drawn.losses.get(difficultyName);
    if (known !== undefined) return known;
    const draws = this.#streamOf(difficultyName);
    const values = Array.from({ length: this.options.batches }, () => draws.gauss(0, 0.2));
    this.#drawn.losses.set(difficultyName, values);
    return values;
  }

  /** Each model draws from a generator of its own, so that who else contends does not change its luck. */
  #streamOf(name: string): Random {
    const known = this.#streams.get(name) ?? new Random(`${this.options.seed}/${name}`);
    this.#streams.set(name, known);
    return known;
  }
}

/** No model is called so. */
const difficultyName = "";
const taskName = "simulated";
