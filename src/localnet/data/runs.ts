/**
 * Runs of a W&B project as the prompting subnet's validators log them: prompts and responses by step, signed by the
 * validator's hotkey. Among them are runs and rows that a reader must refuse.
 */
import { Random } from "../../base/random.ts";
import type { Keypair } from "../../chain/keypair.ts";
import { prose, sentence } from "./prose.ts";

export type HistoryRow = Readonly<Record<string, string | number>>;

export interface Run {
  /** Eight base-36 characters. */
  readonly id: string;
  readonly displayName: string;
  readonly state: "running" | "finished";
  readonly createdAt: string;
  readonly heartbeatAt: string;
  readonly config: Readonly<Record<string, string | number>>;
  readonly tags: readonly string[];
  /** Ordered by `_step`. */
  readonly history: readonly HistoryRow[];
}

const stepsPerRun = 12;
const stepSeconds = 600;
const refusalPhrase = "As an AI language model, I cannot help with that.";

/**
 * @param validators keys that sign their runs; a stranger's runs, one with a copied signature, a miner's and a finished
 *   one are added
 */
export function buildRuns(seed: number, validators: readonly Keypair[], stranger: Keypair, nowMs: number): Run[] {
  const random = new Random(seed);
  const run = (change: { readonly key: Keypair; readonly state?: Run["state"]; readonly type?: string }) => {
    const id = Array.from({ length: 8 }, () => random.below(36).toString(36)).join("");
    const state = change.state ?? "running";
    // A run that has ended has nothing from the last day.
    const endMs = state === "running" ? nowMs : nowMs - 3 * 86_400_000;
    const startMs = endMs - stepsPerRun * stepSeconds * 1000;
    return {
      id,
      displayName: `${change.type ?? "validator"}-${id}`,
      state,
      createdAt: new Date(startMs).toISOString(),
      heartbeatAt: new Date(endMs).toISOString(),
      config: {
        type: change.type ?? "validator",
        hotkey: change.key.ss58Address,
        signature: Buffer.from(change.key.sign(new TextEncoder().encode(id))).toString("hex"),
        netuid: 18,
      },
      tags: ["local"],
      history: historyOf(random, startMs),
    } satisfies Run;
  };
  const signed = validators.flatMap((key) => [run({ key }), run({ key })]);
  const [first] = signed;
  const copied = first === undefined ? [] : [{ ...run({ key: stranger }), config: first.config }];
  const others = [run({ key: stranger }), run({ key: stranger, type: "miner" })];
  const finished = validators.slice(0, 1).map((key) => run({ key, state: "finished" }));
  return [...signed, ...copied, ...others, ...finished];
}

function historyOf(random: Random, startMs: number): HistoryRow[] {
  return Array.from({ length: stepsPerRun }, (_, step) => {
    const row: Record<string, string | number> = {
      _step: step,
      _runtime: step * stepSeconds,
      _timestamp: startMs / 1000 + (step + 1) * stepSeconds - 1,
      modality: step % 6 === 5 ? "images" : "text",
      total_score: random.random(),
    };
    for (let uid = 0; uid < 4; uid++) {
      row[`prompts.${uid}`] = `Tell me more about this: ${sentence(random)}`;
      const kind = random.below(10);
      row[`responses.${uid}`] = kind === 0 ? "" : kind === 1 ? refusalPhrase : `  ${prose(random, 5)}\n`;
    }
    return row;
  });
}
