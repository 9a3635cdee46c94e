/** Every bound on waiting for a hub and on what is accepted from it, in one place. */

export interface Bounds {
  /** Tries of one request, the first included. */
  readonly attemptsMax: number;
  /** The wait before the second try; doubled before each later one, with jitter. */
  readonly backOffMsFirst: number;
  readonly backOffMsMax: number;
  /** A hub that asks for a longer pause than this is not waited for: the failure carries the pause. */
  readonly pauseMsMax: number;
  /** From sending a request to the answer's headers, an upload's time added. */
  readonly answerMsMax: number;
  /** Without a byte of an answer's body. */
  readonly idleMsMax: number;
  /** The slowest upload that is waited for. */
  readonly uploadBytesPerSecondMin: number;
  /** The largest answer that is read as a whole: a page of a tree, a commit's answer. */
  readonly answerBytesMax: number;
  /** Entries of a repository's tree. */
  readonly entriesMax: number;
  /** Times that one file is downloaded again from its beginning because its bytes were wrong. */
  readonly corruptMax: number;
}

export const defaultBounds: Bounds = {
  attemptsMax: 6,
  backOffMsFirst: 500,
  backOffMsMax: 30_000,
  pauseMsMax: 120_000,
  answerMsMax: 30_000,
  idleMsMax: 30_000,
  uploadBytesPerSecondMin: 50_000,
  answerBytesMax: 32 * 2 ** 20,
  entriesMax: 10_000,
  corruptMax: 2,
};

/** The wait before try number `attempt` (2, 3, …): exponential, between half and the whole of it by chance. */
export function backOffMs(attempt: number, bounds: Bounds): number {
  const full = Math.min(bounds.backOffMsFirst * 2 ** (attempt - 2), bounds.backOffMsMax);
  return full * (0.5 + Math.random() / 2);
}

/**
 * The pause that a hub asks for: `Retry-After` in seconds or as a date (counted from the answer's own, since our clock
 * may be wrong), or `RateLimit: "api";r=0;t=55` with nothing remaining. Undefined when it asks for none.
 */
export function pauseMs(headers: Headers): number | undefined {
  const after = headers.get("Retry-After");
  if (after !== null) {
    const seconds = Number(after);
    const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(after) - Date.parse(headers.get("Date") ?? "");
    if (Number.isFinite(ms)) return Math.max(0, ms);
  }
  const limit = /;\s*r=0\b[^,]*;\s*t=(\d+)/.exec(headers.get("RateLimit") ?? "");
  return limit === null ? undefined : Number(limit[1]) * 1000;
}
