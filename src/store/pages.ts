/** Which pages of its sources a round used, and which it had to do without. */
import type { PageState, Row } from "./schema.ts";
import type { Store } from "./store.ts";

export interface NewPage {
  readonly task: string;
  readonly source: string;
  /** JSON: the source's own address of the page. */
  readonly page: unknown;
  readonly state: PageState;
  readonly reason?: string;
}

/** Stores which pages a round drew, in the order drawn; called once per round and task. */
export async function recordPages(store: Store, roundId: number, pages: readonly NewPage[]): Promise<void> {
  if (pages.length === 0) return;
  const rows = pages.map(({ page, reason, ...rest }, position) => ({
    round_id: roundId,
    position,
    page: JSON.stringify(page),
    reason: reason ?? null,
    ...rest,
  }));
  await store.db
    .insertInto("pages")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function readPages(store: Store, roundId: number): Promise<Row<"pages">[]> {
  return store.db
    .selectFrom("pages")
    .selectAll()
    .where("round_id", "=", roundId)
    .orderBy("task")
    .orderBy("position")
    .execute();
}
