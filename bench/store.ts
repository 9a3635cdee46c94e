/**
 * What a loss costs: bytes on disk, rows a second in and out, beside the driver itself (one prepared statement, one
 * transaction, the same table) in the same run on the same disk.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { renderTable } from "../src/cli/output.ts";
import { startEvaluation } from "../src/store/evaluations.ts";
import { appendLosses, readLossesOf } from "../src/store/losses.ts";
import { recordModel } from "../src/store/models.ts";
import { startRound } from "../src/store/rounds.ts";
import { storeRules } from "../src/store/rules.ts";
import { openStore, type Store } from "../src/store/store.ts";

export interface StoreFigures {
  readonly losses: number;
  readonly bytesPerLoss: number;
  /** An evaluation of 400 losses at a time, each on disk before the next. */
  readonly appendSeconds: number;
  readonly referenceAppendSeconds: number;
  readonly readSeconds: number;
  readonly referenceReadSeconds: number;
}

const lossesPerEvaluation = 400;

/** Writes and reads `losses` losses (a multiple of 400), in a folder of its own. */
export async function benchStore(losses = 100_000): Promise<StoreFigures> {
  const folder = mkdtempSync(join(tmpdir(), "bench-store-"));
  try {
    const values = Float64Array.from({ length: losses }, (_, index) => 1 + Math.sin(index) / 2);
    const reference = runReference(join(folder, "reference.sqlite"), values);
    const store = await openStore({ path: join(folder, "state.sqlite"), mode: "write", create: true });
    try {
      const ids = await makeEvaluations(store, losses / lossesPerEvaluation);
      const appendSeconds = await timed(async () => {
        for (const [index, id] of ids.entries())
          await appendLosses(
            store,
            id,
            0,
            values.subarray(index * lossesPerEvaluation, (index + 1) * lossesPerEvaluation),
          );
      });
      const readSeconds = await timed(() => readLossesOf(store, ids));
      const size = store.maintenance.tableSizes().find(({ table }) => table === "losses")!.sizeBytes;
      return { losses, bytesPerLoss: size / losses, appendSeconds, readSeconds, ...reference };
    } finally {
      await store.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runReference(path: string, values: Float64Array) {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec(
    "create table losses (evaluation integer, batch integer, loss real, primary key (evaluation, batch)) without rowid",
  );
  const insert = database.prepare("insert into losses values (?, ?, ?)");
  let start = performance.now();
  database.transaction(() => {
    for (const [index, loss] of values.entries())
      insert.run(Math.floor(index / lossesPerEvaluation), index % lossesPerEvaluation, loss);
  })();
  const referenceAppendSeconds = (performance.now() - start) / 1000;
  start = performance.now();
  database.prepare("select evaluation, batch, loss from losses order by evaluation, batch").all();
  const referenceReadSeconds = (performance.now() - start) / 1000;
  database.close();
  return { referenceAppendSeconds, referenceReadSeconds };
}

function makeEvaluations(store: Store, count: number): Promise<number[]> {
  return store.transaction(async (inner) => {
    const competition = { competitionId: 1, name: "one", definition: {}, tasks: [] };
    const rules = await storeRules(inner, { definition: {}, competitions: [competition] });
    const { id: roundId } = await startRound(inner, {
      competitionId: 1,
      competitionDigest: rules.competitionDigests[0]!,
      ruleSetDigest: rules.digest,
      syncBlock: 1,
      syncBlockHash: "0x",
      seed: 1n,
    });
    const ids: number[] = [];
    for (let index = 0; index < count; index++) {
      const modelId = await recordModel(inner, { repo: `bench/${index}`, revision: "0" });
      ids.push((await startEvaluation(inner, { roundId, modelId, task: "t" })).id);
    }
    return ids;
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The figures as a table, with the ratio to the driver. */
export function storeTable(figures: StoreFigures): string {
  const rate = (seconds: number) => Math.round(figures.losses / seconds);
  const { appendSeconds, referenceAppendSeconds, readSeconds, referenceReadSeconds } = figures;
  return renderTable(
    [`${figures.losses} losses, ${figures.bytesPerLoss.toFixed(1)} bytes each`, "s", "rows/s", "of better-sqlite3"],
    [
      [
        "append, 400 a commit",
        appendSeconds.toFixed(3),
        rate(appendSeconds),
        ratio(referenceAppendSeconds, appendSeconds),
      ],
      ["better-sqlite3, one commit", referenceAppendSeconds.toFixed(3), rate(referenceAppendSeconds), "1.00"],
      ["read", readSeconds.toFixed(3), rate(readSeconds), ratio(referenceReadSeconds, readSeconds)],
      ["better-sqlite3, select all", referenceReadSeconds.toFixed(3), rate(referenceReadSeconds), "1.00"],
    ],
  );
}

/** Speed relative to the reference: above 1 is faster. */
function ratio(reference: number, ours: number): string {
  return (reference / ours).toFixed(2);
}

if (import.meta.main) process.stdout.write(`${storeTable(await benchStore())}\n`);
