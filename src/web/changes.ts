/** Tells pages that the state has changed: server-sent events, fed by one look at the file a second for all of them. */
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import { readVersion } from "../store/summary.ts";

export interface Changes {
  /** A stream of `data: VERSION`, the first at once; undefined when there are too many already. */
  readonly subscribe: () => ReadableStream<Uint8Array> | undefined;
  readonly close: () => void;
}

const subscribersMax = 64;
/** A comment now and then: otherwise nobody notices a connection that has died. */
const heartbeatMs = 15_000;

type Subscriber = ReadableStreamDefaultController<Uint8Array>;

export function watchChanges(store: Store, pollMs: number): Changes {
  const subscribers = new Set<Subscriber>();
  let version: string | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let complaint: string | undefined;
  let toldAt = performance.now();

  const tell = (to: Iterable<Subscriber>, text: string) => {
    const bytes = new TextEncoder().encode(text);
    for (const subscriber of to) {
      // Who does not read is let go: the page connects again by itself.
      if ((subscriber.desiredSize ?? 0) < -100) drop(subscriber);
      else subscriber.enqueue(bytes);
    }
  };
  const drop = (subscriber: Subscriber) => {
    if (subscribers.delete(subscriber)) subscriber.close();
  };
  const look = async () => {
    try {
      const now = await readVersion(store);
      complaint = undefined;
      if (now === version && performance.now() - toldAt < heartbeatMs) return;
      tell(subscribers, now === version ? ": still here\n\n" : `data: ${now}\n\n`);
      version = now;
      toldAt = performance.now();
    } catch (error) {
      // The same complaint every second would fill the log; what was shown stays shown.
      if (complaint !== messageOf(error)) log.error((complaint = messageOf(error)));
    }
  };
  const poll = async () => {
    await look();
    timer = subscribers.size === 0 ? undefined : setTimeout(poll, pollMs);
  };

  return {
    subscribe() {
      if (subscribers.size >= subscribersMax) return undefined;
      let own: Subscriber | undefined;
      return new ReadableStream<Uint8Array>({
        start(controller) {
          own = controller;
          subscribers.add(controller);
          if (timer === undefined) {
            version = undefined;
            timer = setTimeout(poll, 0);
          } else if (version !== undefined) tell([controller], `data: ${version}\n\n`);
        },
        cancel() {
          if (own !== undefined) subscribers.delete(own);
        },
      });
    },
    close() {
      clearTimeout(timer);
      for (const subscriber of subscribers) drop(subscriber);
    },
  };
}
