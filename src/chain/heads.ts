/** Heads as an endless list: one a block, in order, whatever happens to connections in between. */
import { InterruptedError } from "../base/errors.ts";
import type { Block, Head } from "../subnet.ts";
import type { Link } from "./link.ts";

/**
 * Yields the newest head (or the block `from`), then every following block once, by increasing number. A slow reader
 * falls behind and loses nothing: the blocks in between are read by number when their turn comes. After a reorganisation
 * of the best chain the next numbers come from the new branch; finalised heads never reorganise. Ends when the signal
 * aborts; throws `InterruptedError` when the client is closed, `FailureError` when no endpoint answers for `readMs`.
 */
export async function* followHeads(
  link: Link,
  options: { readonly signal?: AbortSignal; readonly finalised?: boolean; readonly from?: Block },
): AsyncGenerator<Head, void, undefined> {
  const kind = options.finalised ? "finalised" : "best";
  const { signal } = options;
  let last: Block | undefined = options.from === undefined ? undefined : options.from - 1;
  while (!signal?.aborted) {
    const newest = link.latest(kind);
    if (last !== undefined && newest.number <= last) {
      await nextHead(link, signal);
      continue;
    }
    const number: Block = last === undefined ? newest.number : last + 1;
    const hash = number === newest.number ? newest.hash : await link.blockHash(number);
    if (hash === null) {
      // The node in use has not come as far as the one before it.
      await nextHead(link, signal);
      continue;
    }
    last = number;
    yield { number, hash };
  }
}

/** Resolves at the next announcement, or at the abort. */
function nextHead(link: Link, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (link.isClosed) {
      reject(new InterruptedError());
      return;
    }
    const finish = () => {
      stop();
      signal?.removeEventListener("abort", finish);
      if (link.isClosed && !signal?.aborted) reject(new InterruptedError());
      else resolve();
    };
    const stop = link.onHead(finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
