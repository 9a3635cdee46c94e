/** What the server answers and the page reads, as JSON. Numbers that are not finite become null on the way. */
import type { HistoryRow, Leaderboard, LeaderboardRow } from "../store/leaderboard.ts";
import type { Row } from "../store/schema.ts";
import type { RoundSummary } from "../store/summary.ts";
import type { Hotkey, Uid } from "../subnet.ts";

/** `/api/overview` */
export interface Overview {
  readonly version: string;
  readonly netuid: number | null;
  /** Newest first, all competitions. */
  readonly rounds: readonly RoundSummary[];
  /** Null: no model to talk to. */
  readonly chat: ChatModel | null;
}

export interface ChatModel {
  readonly name: string;
  readonly architecture: string;
  readonly parameters: number;
}

/** `/api/leaderboard?competition=ID&block=N` */
export interface Board extends Omit<Leaderboard, "rows"> {
  readonly rows: readonly BoardRow[];
}

export interface BoardRow extends Omit<LeaderboardRow, "score" | "tasks"> {
  /** The mean loss where the competition has one task; null: infinite, nothing of it could be measured. */
  readonly score: number | null;
  readonly tasks: Readonly<Record<string, number | null>>;
}

/** `/api/course?competition=ID&block=N`: the scores of the best of a round, over the rounds up to it. */
export interface Course {
  readonly blocks: readonly number[];
  readonly best: readonly (number | null)[];
  readonly series: readonly {
    readonly uid: Uid;
    readonly hotkey: Hotkey;
    readonly scores: readonly (number | null)[];
  }[];
}

/** `/api/miners/UID` */
export interface MinerHistory {
  readonly uid: Uid;
  /** Newest first. */
  readonly rounds: readonly HistoryRow[];
}

/** `/api/miners/UID/explanation?competition=ID&block=N` */
export interface ExplanationWords {
  readonly words: readonly string[];
}

/** `/api/events` */
export interface Events {
  /** Newest first. */
  readonly events: readonly Pick<Row<"events">, "id" | "at" | "block" | "level" | "kind" | "message">[];
}

/** Every answer that is none. */
export interface Problem {
  readonly error: string;
}

/** A line of the answer of `POST /api/chat`. The last one is `done` or `failed`, unless it was stopped. */
export type ChatLine =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "done"; readonly tokens: number; readonly end: "model" | "length" }
  | { readonly kind: "failed"; readonly message: string };
