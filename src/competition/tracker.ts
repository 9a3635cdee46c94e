/** What a validator remembers of a miner: its newest commitment, and the last results per competition. */
import type { Block, Hotkey } from "../subnet.ts";

export interface EvaluationResult {
  readonly block: Block;
  /** Lower is better; Infinity for a failure. */
  readonly score: number;
  readonly winningModelBlock: Block;
  readonly winningModelScore: number;
}

export interface TrackedMiner {
  /** The newest commitment and its block; null when only failures are known. */
  readonly model: { readonly commitment: string; readonly block: Block } | null;
  /** By competition, oldest first; competition 0 holds failures before a competition was known. */
  readonly results: ReadonlyMap<number, readonly EvaluationResult[]>;
}

export type TrackedMiners = ReadonlyMap<Hotkey, TrackedMiner>;

export type TrackerEvent =
  | { readonly kind: "model"; readonly hotkey: Hotkey; readonly commitment: string; readonly block: Block }
  | {
      readonly kind: "result";
      readonly hotkey: Hotkey;
      readonly competitionId: number;
      readonly result: EvaluationResult;
    }
  /** A competition's results are forgotten, when its tasks have changed. */
  | { readonly kind: "clear"; readonly competitionId: number }
  /** Only these hotkeys are still registered. */
  | { readonly kind: "registered"; readonly hotkeys: readonly Hotkey[] };

/** How many results are kept per hotkey and competition. */
export const resultsKept = 3;

const unknown: TrackedMiner = { model: null, results: new Map() };

/** The memory after an event. A new commitment resets a miner's results, and so does the same text at another block. */
export function track(miners: TrackedMiners, event: TrackerEvent): TrackedMiners {
  switch (event.kind) {
    case "model": {
      const { hotkey, commitment, block } = event;
      const { model } = miners.get(hotkey) ?? unknown;
      if (model?.commitment === commitment && model.block === block) return miners;
      return new Map(miners).set(hotkey, { model: { commitment, block }, results: new Map() });
    }
    case "result": {
      const { hotkey, competitionId, result } = event;
      const miner = miners.get(hotkey) ?? unknown;
      const results = [...(miner.results.get(competitionId) ?? []), result]
        .toSorted((a, b) => a.block - b.block)
        .slice(-resultsKept);
      return new Map(miners).set(hotkey, { ...miner, results: new Map(miner.results).set(competitionId, results) });
    }
    case "clear":
      return new Map(
        [...miners].map(([hotkey, miner]) => {
          const results = new Map(miner.results);
          results.delete(event.competitionId);
          return [hotkey, { ...miner, results }];
        }),
      );
    case "registered": {
      const registered = new Set(event.hotkeys);
      return new Map([...miners].filter(([hotkey]) => registered.has(hotkey)));
    }
  }
}

/** The newest block that a miner was evaluated at in any competition; null: never. */
export function lastEvaluatedBlock({ results }: TrackedMiner): Block | null {
  let newest: Block | null = null;
  for (const list of results.values())
    for (const { block } of list) if (newest === null || block > newest) newest = block;
  return newest;
}
