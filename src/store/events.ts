/** What happened, for the operator: one row a notable thing. */
import type { Block } from "../subnet.ts";
import type { EventLevel, Row } from "./schema.ts";
import type { Store } from "./store.ts";

export interface NewEvent {
  readonly level: EventLevel;
  /** A code such as `endpoint-lost`. */
  readonly kind: string;
  /** A sentence. */
  readonly message: string;
  readonly block?: Block;
  /** JSON. */
  readonly data?: unknown;
}

export async function recordEvent(store: Store, event: NewEvent): Promise<void> {
  await store.db
    .insertInto("events")
    .values({
      at: Date.now(),
      level: event.level,
      kind: event.kind,
      message: event.message,
      block: event.block ?? null,
      data: event.data === undefined ? null : JSON.stringify(event.data),
    })
    .execute();
}

/** The newest events, newest first. */
export async function readEvents(store: Store, limit: number): Promise<Row<"events">[]> {
  return store.db.selectFrom("events").selectAll().orderBy("id", "desc").limit(limit).execute();
}
