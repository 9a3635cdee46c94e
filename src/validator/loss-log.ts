/** Writes an evaluation's losses in the order of their batches, while the model goes on computing. */
import { appendLosses } from "../store/losses.ts";
import type { Store } from "../store/store.ts";

export class LossLog {
  readonly #waiting = new Map<number, number>();
  #next: number;
  #writing: Promise<void> = Promise.resolve();
  #scheduled = false;

  /** @param firstBatch how many batches are stored already */
  constructor(
    private readonly store: Store,
    private readonly evaluationId: number,
    firstBatch: number,
  ) {
    this.#next = firstBatch;
  }

  /** Takes a loss, in any order. Losses that come while a write is under way go to disk together in the next. */
  put(batch: number, loss: number): void {
    this.#waiting.set(batch, loss);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#writing = this.#writing.then(() => this.#write());
    // A failure to write is seen by `close`; the promise must not count as unhandled until then.
    this.#writing.catch(() => {});
  }

  /** Resolves when everything that was taken without a gap is on disk; throws what a write threw. */
  close(): Promise<void> {
    return this.#writing;
  }

  async #write(): Promise<void> {
    this.#scheduled = false;
    const first = this.#next;
    const losses: number[] = [];
    for (let loss = this.#waiting.get(this.#next); loss !== undefined; loss = this.#waiting.get(this.#next)) {
      losses.push(loss);
      this.#waiting.delete(this.#next);
      this.#next += 1;
    }
    if (losses.length > 0) await appendLosses(this.store, this.evaluationId, first, losses);
  }
}
