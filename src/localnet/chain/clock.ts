/** The local chain's time, which goes on evenly whatever is done to the clock of the machine. */

/**
 * Milliseconds since 1970: the machine's at the start, but never before `sinceMs` (the newest block's time); from then on
 * what has passed. A clock that is set back must not stop the beacon's rounds, nor one set forward skip them.
 */
export function startClock(sinceMs: number): () => number {
  const atStartMs = Math.max(Date.now(), sinceMs);
  const startedMs = performance.now();
  return () => atStartMs + Math.floor(performance.now() - startedMs);
}
