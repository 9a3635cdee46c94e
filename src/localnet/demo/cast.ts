/** Who takes part in the demonstration: three validators, honest miners of different diligence, and three who cheat or fail. */

export interface DemoValidator {
  /** Of its coldkey; the hotkey is `<uri>//hotkey`. The first is the local subnet's own. */
  readonly uri: string;
  readonly stakeTao: number;
}

export const validators: readonly DemoValidator[] = [
  { uri: "//Alice", stakeTao: 1000 },
  { uri: "//Bob", stakeTao: 600 },
  { uri: "//Charlie", stakeTao: 300 },
];

export interface HonestMiner {
  readonly kind: "honest";
  readonly name: string;
  readonly steps: number;
  /** Trained on from the first version and published while the rounds run; 0: never. */
  readonly laterSteps: number;
}

export interface CheatingMiner {
  readonly kind: "copier" | "mismatched" | "damaged";
  readonly name: string;
  /** Whose model it takes. */
  readonly victim: string;
}

export type DemoMiner = HonestMiner | CheatingMiner;

/** In the order in which they publish: the earlier of two equal models has the advantage. */
export const miners: readonly DemoMiner[] = [
  { kind: "honest", name: "brief", steps: 40, laterSteps: 0 },
  { kind: "honest", name: "improver", steps: 80, laterSteps: 300 },
  { kind: "honest", name: "steady", steps: 140, laterSteps: 0 },
  { kind: "honest", name: "thorough", steps: 240, laterSteps: 0 },
  { kind: "copier", name: "copier", victim: "thorough" },
  { kind: "mismatched", name: "mismatched", victim: "steady" },
  { kind: "damaged", name: "damaged", victim: "brief" },
];

/** The key URIs of a miner. */
export function coldkeyOf({ name }: DemoMiner): string {
  return `//${name}`;
}

export function hotkeyOf(miner: DemoMiner): string {
  return `${coldkeyOf(miner)}//hotkey`;
}
