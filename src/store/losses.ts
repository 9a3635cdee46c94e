/**
 * Losses, one row per evaluation and batch: what everything later is computed from. About 21 bytes a row, since the
 * table is stored inside its key.
 */
import { assert } from "../base/assert.ts";
import type { Store } from "./store.ts";

/**
 * Appends the losses of consecutive batches, all or none. When the promise resolves they survive the end of the process;
 * they are synced with the next other commit, at the latest when their evaluation is finished, since a sync for each
 * would take longer than many a batch. `firstBatch` must be the number that is stored already, so that a loss is never
 * computed, or counted, twice. inf is a loss (a batch that failed), NaN is not. −0 is stored as 0.
 */
export async function appendLosses(
  store: Store,
  evaluationId: number,
  firstBatch: number,
  losses: ArrayLike<number>,
): Promise<void> {
  for (let index = 0; index < losses.length; index++)
    assert(!Number.isNaN(losses[index]), `the loss of batch ${firstBatch + index} is not a number`);
  const { insert, newest } = queries(store);
  await store.bulk((bulk) => {
    const [last] = bulk.column({ ...newest, parameters: [evaluationId] });
    assert(
      firstBatch === (last === null ? 0 : (last as number) + 1),
      `batch ${firstBatch} does not follow batch ${last}`,
    );
    bulk.runEach(insert, rows(evaluationId, firstBatch, losses), "process end");
  });
}

function* rows(evaluationId: number, firstBatch: number, losses: ArrayLike<number>): Generator<readonly number[]> {
  for (let index = 0; index < losses.length; index++)
    yield [evaluationId, firstBatch + index, losses[index]! === 0 ? 0 : losses[index]!];
}

/** The losses of an evaluation by batch, from batch 0 on without gaps. */
export async function readLosses(store: Store, evaluationId: number): Promise<Float64Array> {
  const { select } = queries(store);
  return store.bulk((bulk) => Float64Array.from(bulk.column({ ...select, parameters: [evaluationId] }) as number[]));
}

/** The same for many evaluations, without a promise for each. */
export async function readLossesOf(
  store: Store,
  evaluationIds: readonly number[],
): Promise<ReadonlyMap<number, Float64Array>> {
  const { select } = queries(store);
  return store.bulk(
    (bulk) =>
      new Map(
        evaluationIds.map((id) => [id, Float64Array.from(bulk.column({ ...select, parameters: [id] }) as number[])]),
      ),
  );
}

function queries({ db }: Store) {
  return {
    insert: db.insertInto("losses").values({ evaluation_id: 0, batch: 0, loss: 0 }).compile(),
    newest: db
      .selectFrom("losses")
      .select(({ fn }) => fn.max("batch").as("batch"))
      .where("evaluation_id", "=", 0)
      .compile(),
    select: db.selectFrom("losses").select("loss").where("evaluation_id", "=", 0).orderBy("batch").compile(),
  };
}
