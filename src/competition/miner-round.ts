/** Goes round the uids for ever in ascending order, from a random start, so that validators do not all ask the hub at once. */
import { assert } from "../base/assert.ts";
import type { Uid } from "../subnet.ts";

export class MinerRound {
  #uids: readonly Uid[];
  #next: number;

  /**
   * @param uids the uids of the subnet, at least one
   * @param draw an integer of [min, max], both included
   */
  constructor(uids: readonly Uid[], draw: (min: number, max: number) => number) {
    this.#uids = ascending(uids);
    this.#next = draw(0, this.#uids.length - 1);
  }

  /** The uid whose turn is next. */
  peek(): Uid {
    return this.#uids[this.#next]!;
  }

  /** Takes the next uid. */
  next(): Uid {
    const uid = this.peek();
    this.#next = (this.#next + 1) % this.#uids.length;
    return uid;
  }

  /** Replaces the uids; the round goes on with the first that is not before the one that was due. */
  replace(uids: readonly Uid[]): void {
    const due = this.peek();
    this.#uids = ascending(uids);
    this.#next = Math.max(
      0,
      this.#uids.findIndex((uid) => uid >= due),
    );
  }
}

function ascending(uids: readonly Uid[]): readonly Uid[] {
  assert(uids.length > 0, "a round over no uids");
  return uids.toSorted((a, b) => a - b);
}
