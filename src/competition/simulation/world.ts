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
  #difficulty: { readonly block: Block; readonly values: readonly number[] } = { block: -1, values: [] };

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

  /** Batches are more or less difficult for everyone; on top of that each model has its luck. */
  #losses(model: SimulatedModel): number[] {
    const own = this.#draws(model.parameters);
    if (model.copyOf !== undefined) {
      const { noise } = model.copyOf;
      return this.#losses(model.copyOf.model).map((loss) => loss + own.gauss(0, noise));
    }
    return this.#difficultyNow().map((difficulty) => Math.max(0, model.loss + difficulty + own.gauss(0, 0.02)));
  }

  #difficultyNow(): readonly number[] {
    if (this.#difficulty.block !== this.block) {
      const draws = this.#draws("difficulty");
      const values = Array.from({ length: this.options.batches }, () => draws.gauss(0, 0.2));
      this.#difficulty = { block: this.block, values };
    }
    return this.#difficulty.values;
  }

  #draws(what: string): Random {
    return new Random(`${this.options.seed}/${this.block}/${what}`);
  }
}

const taskName = "simulated";
