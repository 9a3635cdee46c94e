/** Tables of a state for other programs, as of one moment, and a state without what only its owner may know. */
import { rmSync } from "node:fs";
import { InterruptedError } from "../base/errors.ts";
import { backupTo } from "../store/backup.ts";
import { readContenders } from "../store/contenders.ts";
import { readEvaluations } from "../store/evaluations.ts";
import { readLossesOf } from "../store/losses.ts";
import { readStandings, readVector } from "../store/results.ts";
import { listRounds } from "../store/rounds.ts";
import { openStore, type Store } from "../store/store.ts";
import { readSubmissionWeights, submissionAfter } from "../store/submissions.ts";
import type { Cell, Columns, TableWriter } from "./tabular.ts";

export type ExportName = "losses" | "standings" | "weights" | "models";

interface Export {
  readonly columns: Columns;
  readonly rows: (store: Store) => AsyncGenerator<readonly Cell[]>;
}

const place: Columns = { competition_id: "integer", sync_block: "integer", uid: "integer", hotkey: "text" };
const model: Columns = { repo: "text", revision: "text" };

/** Every table that can be exported. */
export const exportable: Readonly<Record<ExportName, Export>> = {
  losses: {
    columns: { ...place, ...model, task: "text", batch: "integer", loss: "real" },
    rows: lossRows,
  },
  standings: {
    columns: {
      ...place,
      ...model,
      model_block: "integer",
      rank: "integer",
      outcome: "text",
      duplicate_of: "integer",
      score: "real",
      epsilon: "real",
      wins: "integer",
      matches: "integer",
      win_rate: "real",
      weight: "real",
    },
    rows: standingRows,
  },
  weights: {
    columns: { ...place, round_weight: "real", average: "real", subnet_weight: "real", submitted: "integer" },
    rows: weightRows,
  },
  models: {
    columns: {
      ...model,
      directory_hash: "text",
      parameter_hash: "text",
      parameter_count: "integer",
      size_bytes: "integer",
      architecture: "text",
      hotkey: "text",
      block: "integer",
      competition_id: "integer",
      verdict: "text",
      reason: "text",
      detail: "text",
    },
    rows: modelRows,
  },
};

/** Writes a table; returns the number of rows. */
export async function exportTable(
  store: Store,
  { rows }: Export,
  table: TableWriter,
  signal: AbortSignal,
): Promise<number> {
  return store.transaction(async (snapshot) => {
    let count = 0;
    for await (const row of rows(snapshot)) {
      if (signal.aborted) throw new InterruptedError();
      await table.write(row);
      count += 1;
    }
    await table.end();
    return count;
  });
}

/**
 * Writes a copy of the state that may be published: without the salts of weights that are not revealed yet, the journals
 * of unfinished work and the names of machines. Returns its size in bytes.
 */
export async function exportState(store: Store, target: string): Promise<number> {
  const partial = `${target}.unpublished-${process.pid}`;
  await backupTo(store.maintenance, partial);
  try {
    const copy = await openStore({ path: partial, mode: "write" });
    await copy.db.deleteFrom("journal").execute();
    await copy.db.deleteFrom("writers").execute();
    await copy.db.updateTable("submissions").set({ salt: null, payload: null }).execute();
    copy.maintenance.compact();
    await copy.close();
    const published = await openStore({ path: partial, mode: "read" });
    try {
      return await backupTo(published.maintenance, target);
    } finally {
      await published.close();
    }
  } finally {
    for (const suffix of ["", "-wal", "-shm", "-lock"]) rmSync(partial + suffix, { force: true });
  }
}

async function* lossRows(store: Store): AsyncGenerator<readonly Cell[]> {
  for (const round of await listRounds(store)) {
    const contenders = Map.groupBy(await readContenders(store, round.id), ({ model_id }) => model_id);
    const evaluations = await readEvaluations(store, round.id);
    for (const { id, model_id, task } of evaluations) {
      const losses = (await readLossesOf(store, [id])).get(id)!;
      for (const { uid, hotkey, repo, revision } of contenders.get(model_id) ?? [])
        for (const [batch, loss] of losses.entries())
          yield [round.competition_id, round.sync_block, uid, hotkey, repo, revision, task, batch, loss];
    }
  }
}

async function* standingRows(store: Store): AsyncGenerator<readonly Cell[]> {
  for (const round of await listRounds(store, { state: "finished" })) {
    const contenders = new Map((await readContenders(store, round.id)).map((contender) => [contender.uid, contender]));
    for (const standing of await readStandings(store, round.id)) {
      const { hotkey = null, repo = null, revision = null, block = null } = contenders.get(standing.uid) ?? {};
      yield [
        ...[round.competition_id, round.sync_block, standing.uid, hotkey, repo, revision, block, standing.rank],
        ...[standing.outcome, standing.duplicate_of, standing.score, standing.epsilon, standing.wins],
        ...[standing.matches, standing.win_rate, standing.weight],
      ];
    }
  }
}

async function* weightRows(store: Store): AsyncGenerator<readonly Cell[]> {
  for (const round of await listRounds(store, { state: "finished" })) {
    const hotkeys = new Map((await readContenders(store, round.id)).map(({ uid, hotkey }) => [uid, hotkey]));
    const averages = await readVector(store, "averages", round.id);
    const weights = await readVector(store, "subnet_weights", round.id);
    for (const { uid, hotkey } of [...averages, ...weights]) hotkeys.set(uid, hotkey);
    const submission = await submissionAfter(store, round.id);
    const submitted = submission === undefined ? [] : await readSubmissionWeights(store, submission.id);
    const sentOf = new Map(submitted.map(({ uid, value }) => [uid, value]));
    const averageOf = new Map(averages.map(({ uid, weight }) => [uid, weight]));
    const weightOf = new Map(weights.map(({ uid, weight }) => [uid, weight]));
    const roundOf = new Map((await readStandings(store, round.id)).map(({ uid, weight }) => [uid, weight]));
    for (const [uid, hotkey] of [...hotkeys].sort(([a], [b]) => a - b))
      yield [
        ...[round.competition_id, round.sync_block, uid, hotkey, roundOf.get(uid) ?? null, averageOf.get(uid) ?? null],
        ...[weightOf.get(uid) ?? null, submission === undefined ? null : (sentOf.get(uid) ?? 0)],
      ];
  }
}

/** A model a row for each hotkey that committed it. */
async function* modelRows(store: Store): AsyncGenerator<readonly Cell[]> {
  const rows = await store.db
    .selectFrom("models")
    .leftJoin("commitments", (join) =>
      join.onRef("commitments.repo", "=", "models.repo").onRef("commitments.revision", "=", "models.revision"),
    )
    .leftJoin("verdicts", (join) =>
      join.onRef("verdicts.model_id", "=", "models.id").onRef("verdicts.hotkey", "=", "commitments.hotkey"),
    )
    .select(["models.repo", "models.revision", "directory_hash", "parameter_hash", "parameter_count", "size_bytes"])
    .select(["architecture", "commitments.hotkey", "commitments.block", "commitments.competition_id"])
    .select(["verdicts.state", "verdicts.reason", "verdicts.detail"])
    .orderBy("models.id")
    .orderBy("commitments.id")
    .execute();
  for (const row of rows) yield Object.values(row);
}
