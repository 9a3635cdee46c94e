/** Conversations that validators of another subnet publish as they hold them: the first version's evaluation data. */
import { strip } from "../../base/python-text.ts";
import type { Random } from "../../base/random.ts";
import refusals from "./refusals.json" with { type: "json" };

export interface Conversation {
  readonly prompt: string;
  readonly response: string;
}

/** A run of a validator, in the order of creation. */
export interface ConversationRun {
  readonly id: string;
  readonly hotkey: string;
  /** Whether the run's signature is one of its id by its hotkey. */
  readonly isSigned: boolean;
  readonly lastStep: number;
}

/** A row of a run's history: `prompts.<uid>`, `responses.<uid>` and what they are. */
export interface ConversationRow {
  readonly step: number;
  readonly ageSeconds: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface ConversationLimits {
  readonly samplesMax: number;
  readonly stepsPerRun: number;
  readonly ageSecondsMax: number;
  /** Uids below this are looked for in each row, in order. */
  readonly uidsMax: number;
  /** Whose runs count. */
  readonly hotkeys: ReadonlySet<string>;
}

/** Reads the steps of a run from `fromStep` on, in order; null when that is not possible. */
export type ReadSteps = (run: ConversationRun, fromStep: number) => Promise<readonly ConversationRow[] | null>;

export interface DrawnConversations {
  readonly conversations: readonly Conversation[];
  /** `run_step` of the rows that gave one. */
  readonly sources: readonly string[];
  /** Runs that could not be read. */
  readonly dropped: readonly string[];
}

/** Goes through the runs in drawn order until there are enough conversations. */
export async function drawConversations(
  random: Random,
  runs: readonly ConversationRun[],
  limits: ConversationLimits,
  read: ReadSteps,
): Promise<DrawnConversations> {
  const order = [...runs];
  random.shuffle(order);
  const conversations: Conversation[] = [];
  const sources = new Set<string>();
  const dropped: string[] = [];
  for (const run of order) {
    if (!limits.hotkeys.has(run.hotkey) || !run.isSigned) continue;
    const rows = await read(run, Math.max(0, run.lastStep + 1 - limits.stepsPerRun));
    if (rows === null) dropped.push(run.id);
    for (const row of rows ?? []) {
      for (const conversation of conversationsOf(row, limits)) {
        conversations.push(conversation);
        sources.add(`${run.id}_${row.step}`);
        if (conversations.length === limits.samplesMax) return { conversations, sources: [...sources], dropped };
      }
    }
  }
  return { conversations, sources: [...sources], dropped };
}

/** The usable conversations of a row, by uid. */
function conversationsOf({ ageSeconds, fields }: ConversationRow, limits: ConversationLimits): Conversation[] {
  if (ageSeconds > limits.ageSecondsMax || fields.modality !== "text") return [];
  const found: Conversation[] = [];
  for (let uid = 0; uid < limits.uidsMax; uid++) {
    const [asked, answered] = [fields[`prompts.${uid}`], fields[`responses.${uid}`]];
    if (typeof asked !== "string" || typeof answered !== "string") continue;
    const [prompt, response] = [strip(asked), strip(answered)];
    if (prompt !== "" && response !== "" && !isRefusal(response)) found.push({ prompt, response });
  }
  return found;
}

/** Whether a response holds a phrase of those that answers without an answer have; the case counts, as in the original. */
export function isRefusal(response: string): boolean {
  return refusals.some((phrase) => response.includes(phrase));
}
