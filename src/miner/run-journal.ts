/** What `mine run` knows of itself, in the state file: one document, replaced as a whole when a step is done. */
import { readdir } from "node:fs/promises";
import { OperatorError } from "../base/errors.ts";
import { readSteps, writeStep } from "../store/journal.ts";
import type { Store } from "../store/store.ts";
import type { Block } from "../subnet.ts";

/** A model on this machine; `turn` 0 is the one that everything began with. */
export interface TurnModel {
  readonly turn: number;
  readonly folder: string;
}

export interface Turn {
  readonly number: number;
  /** What it trains on from: the best when it began. */
  readonly base: TurnModel;
  /** The file of samples that were drawn for it; null where none is needed or not yet. */
  readonly dataFile: string | null;
  readonly trained: { readonly lossNatsMean: number | null } | null;
  readonly checked: { readonly block: Block; readonly verdict: "publish" | "not-yet" } | null;
}

export interface Publication {
  readonly model: TurnModel;
  readonly repo: string;
  /** Where it was found to be worth it. */
  readonly checkedAt: Block;
  /** Not worth it any more before it was committed; should its commitment appear all the same, it is finished. */
  readonly shelved: boolean;
}

export interface RunState {
  readonly base: string;
  readonly best: TurnModel;
  readonly turn: Turn;
  /** Begun and not finished. */
  readonly publication: Publication | null;
  /** The last that is finished. */
  readonly published: { readonly model: TurnModel; readonly repo: string; readonly block: Block } | null;
}

const key = "state";

export class RunJournal {
  private constructor(
    private readonly store: Store,
    private readonly scope: string,
    private current: RunState,
  ) {}

  /** @param scope tells this run from others in the same file; @param folder of its turns: nobody else's may be in it */
  static async open(
    store: Store,
    { scope, base, folder }: { readonly scope: string; readonly base: string; readonly folder: string },
  ): Promise<RunJournal> {
    const known = (await readSteps(store, scope)).get(key) as RunState | undefined;
    if (known === undefined && (await readdir(folder)).some((name) => name.startsWith("turn-")))
      throw new OperatorError(
        `${folder} holds the turns of another run.`,
        "Give that run's --db, hotkey and --competition to go on with it, or another --out to begin anew.",
      );
    if (known !== undefined && known.base !== base)
      throw new OperatorError(
        `This run began with ${known.base}, not with ${base}.`,
        "Give the same --base to go on with it, or another --out to begin anew.",
      );
    const start: TurnModel = { turn: 0, folder: base };
    const first = { base, best: start, turn: turnFrom(1, start), publication: null, published: null };
    return new RunJournal(store, scope, known ?? first);
  }

  /** Stores that the run has begun, before the first thing is written to its folder. */
  begin(): Promise<void> {
    return this.update({});
  }

  get state(): RunState {
    return this.current;
  }

  async update(change: Partial<RunState>): Promise<void> {
    const next = { ...this.current, ...change };
    await writeStep(this.store, this.scope, key, next);
    this.current = next;
  }

  updateTurn(change: Partial<Turn>): Promise<void> {
    return this.update({ turn: { ...this.current.turn, ...change } });
  }

  nextTurn(): Promise<void> {
    const { turn, best } = this.current;
    return this.update({ turn: turnFrom(turn.number + 1, best) });
  }
}

function turnFrom(number: number, base: TurnModel): Turn {
  return { number, base, dataFile: null, trained: null, checked: null };
}
