/**
 * What a process says to the child that holds a model, and what the child answers: one JSON document a line. The child
 * works on a stranger's files, so its answers are checked like a stranger's.
 */
import { z } from "zod";
import type { GenerationSample, LossSample } from "./sample.ts";

/** Where a child finds its model. Always the first line. */
export interface Start {
  readonly kind: "start";
  readonly folder: string;
  readonly links: "refuse" | "hub-cache";
  /** A folder with another tokenizer.json (and templates) than the model's own. */
  readonly tokenizerFolder?: string;
  /** Cores for the computation; absent: all. */
  readonly threads?: number;
  /** Anonymous memory that the engine may plan with. */
  readonly memoryBytesMax: number;
}

/** One turn of a conversation, as a template sees it; further fields (tool calls, say) are handed on as they are. */
export interface Message {
  readonly role: string;
  readonly content: unknown;
  readonly [field: string]: unknown;
}

/** Text to be turned into ids. */
export type TextItem =
  | {
      readonly kind: "text";
      readonly text: string;
      readonly addSpecialTokens: boolean;
      readonly parseSpecialTokens?: boolean;
    }
  | {
      readonly kind: "chat";
      readonly messages: readonly Message[];
      readonly addGenerationPrompt: boolean;
      /** Further variables of the template (`tools`, `enable_thinking`, …). */
      readonly variables?: Readonly<Record<string, unknown>>;
    };

export interface IdsItem {
  readonly ids: readonly number[];
  readonly skipSpecialTokens: boolean;
}

export type Request =
  /** Opens the engine and describes the model. */
  | { readonly kind: "describe" }
  /** NaN, infinities and norms of every tensor. */
  | { readonly kind: "scan" }
  /** `now`: what `strftime_now` of a template sees, ISO 8601 without a zone; it must not be each machine's own clock. */
  | { readonly kind: "encode"; readonly items: readonly TextItem[]; readonly now: string }
  | { readonly kind: "decode"; readonly items: readonly IdsItem[] }
  | { readonly kind: "score"; readonly samples: readonly LossSample[]; readonly perToken: boolean }
  | { readonly kind: "generate"; readonly samples: readonly GenerationSample[] };
export type RequestKind = Request["kind"];

const idList = z.array(z.int().min(0).max(0xffff_ffff));
const failure = z.object({ kind: z.literal("failed"), reason: z.string().max(100), detail: z.string().max(2000) });

const described = z.object({
  kind: z.literal("described"),
  architecture: z.string().max(200),
  parameters: z.int().min(0),
  vocabularySize: z.int().min(1),
  /** `load`: parameters are widened in memory before long work; `run`: they stay mapped and are widened as needed. */
  mode: z.enum(["load", "run"]),
  threads: z.number().int().positive(),
});
const scanned = z.object({
  kind: z.literal("scanned"),
  nonFinite: z.record(z.string(), z.int().min(1)),
  norms: z.record(z.string(), z.number().nullable()),
  /** Of the parameters themselves, as `scanParameters` digests them. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});
const encoded = z.object({
  kind: z.literal("ids"),
  ids: idList,
  /** What was tokenised: the text, or what the template made of the messages. */
  text: z.string(),
  /** Start and end, in code points of `text`, of what the template marks as the assistant's. */
  assistantSpans: z.array(z.tuple([z.int().min(0), z.int().min(0)])),
});
const decoded = z.object({ kind: z.literal("text"), text: z.string() });
const loss = z.object({
  kind: z.literal("loss"),
  /** Mean NLL over the scored tokens; null when there are none. */
  lossNatsMean: z.number().nullable(),
  tokensScored: z.int().min(0),
  /** NLL of each scored token, in order; only when asked for. */
  nll: z.array(z.number()).optional(),
});
const generation = z.object({ kind: z.literal("generation"), ids: idList });

/** What each request is answered with, once per item; a sample that fails is an answer, not the end of the request. */
export const resultSchemas = {
  describe: described,
  scan: scanned,
  encode: z.discriminatedUnion("kind", [encoded, failure]),
  decode: z.discriminatedUnion("kind", [decoded, failure]),
  score: z.discriminatedUnion("kind", [loss, failure]),
  generate: z.discriminatedUnion("kind", [generation, failure]),
} as const satisfies Record<RequestKind, z.ZodType>;

export type ResultOf<K extends RequestKind> = z.infer<(typeof resultSchemas)[K]>;
/** One item that could not be done; the others are not touched by it. */
export type SampleFailure = z.infer<typeof failure>;
export type EncodeResult = ResultOf<"encode">;
export type DecodeResult = ResultOf<"decode">;
export type LossResult = ResultOf<"score">;
export type GenerationResult = ResultOf<"generate">;

/** A line of the child. `result` once per item, then `done`; or `invalid`, which says that the model cannot be used. */
export const replySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("result"), index: z.int().min(0), result: z.unknown() }),
  z.object({ kind: z.literal("done") }),
  z.object({ kind: z.literal("invalid"), reason: z.string().max(100), detail: z.string().max(2000) }),
]);

/** How many results a request must have. */
export function resultsOf(request: Request): number {
  if (request.kind === "encode" || request.kind === "decode") return request.items.length;
  if (request.kind === "score" || request.kind === "generate") return request.samples.length;
  return 1;
}
