/** What a validator has made of a hotkey: from its state file, or from the page that it shows to everybody. */
import { z } from "zod";
import { FailureError, OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { type DataBounds, defaultDataBounds } from "../data/remote/bounds.ts";
import { isServerAddress, requestJson } from "../data/remote/request.ts";
import { type HistoryRow, readUidHistory } from "../store/leaderboard.ts";
import { openStore } from "../store/store.ts";
import type { Hotkey, Uid } from "../subnet.ts";

/** A round of the hotkey as a person wants to know it; what it did not reach is null. */
export type ValidatorResult = z.infer<typeof resultSchema>;

const number = z.number().nullable();
const text = z.string().max(1000).nullable();
const resultSchema = z.object({
  syncBlock: z.int(),
  competitionId: z.int(),
  hotkey: z.string().max(100),
  repo: text,
  revision: text,
  state: z.enum(["contends", "refused", "failed"]),
  reason: text,
  rank: number,
  outcome: z.enum(["scored", "failed", "duplicate"]).nullable(),
  score: number,
  winRate: number,
  roundWeight: number,
  average: number,
  subnetWeight: number,
}) satisfies z.ZodType<HistoryRow>;

/** Of `/api/miners/UID`. */
const answerSchema = z.object({ rounds: z.array(resultSchema) });
/** A person waits for it, and asks again at will. */
const bounds: DataBounds = { ...defaultDataBounds, attemptsMax: 2, answerMsMax: 15_000, jsonBytesMax: 2 ** 20 };

export interface ResultsOptions {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly roundsMax: number;
  readonly signal: AbortSignal;
}

/**
 * The newest rounds first. A uid's earlier owner has results too; they are not this hotkey's.
 * @param place a state file, or the address of a page as `finetune web` shows it
 */
export async function readResults(place: string, options: ResultsOptions): Promise<readonly ValidatorResult[]> {
  const rounds = isServerAddress(place) ? await askPage(place, options) : await readState(place, options);
  return rounds.filter(({ hotkey }) => hotkey === options.hotkey).slice(0, options.roundsMax);
}

async function readState(path: string, { uid, roundsMax }: ResultsOptions): Promise<readonly ValidatorResult[]> {
  const store = await openStore({ path, mode: "read" });
  try {
    return await readUidHistory(store, uid, roundsMax);
  } finally {
    await store.close();
  }
}

async function askPage(address: string, { uid, signal }: ResultsOptions): Promise<readonly ValidatorResult[]> {
  const url = new URL(`api/miners/${uid}`, address.endsWith("/") ? address : `${address}/`).href;
  const answer = await requestJson({ url, bounds, signal }, answerSchema);
  if (!isInvalid(answer)) return answer.rounds;
  if (answer.reason === "unreachable") throw new FailureError(answer.detail, "Check the address and try again.");
  throw new OperatorError(
    `${answer.detail} Either the validator has not looked at uid ${uid} yet, or this is no validator's page.`,
    "Give the address that `finetune web` prints.",
  );
}
