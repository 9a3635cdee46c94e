/**
 * What the tasks of a round drew, stored once and as a whole: a round that was cut off goes on with exactly these texts,
 * whatever its sources say in the meantime. The texts are JSON of the validator's; this module only keeps them.
 */
import { createHash } from "node:crypto";
import { messageOf } from "../base/errors.ts";
import { type NewPage, recordPages } from "./pages.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";

export type NewDraw =
  | { readonly state: "drawn"; readonly texts: readonly unknown[] }
  | { readonly state: "dropped"; readonly reason: string };

export type StoredDraw =
  | NewDraw
  /** The rows are not what was stored. */
  | { readonly state: "damaged"; readonly reason: string };

/** Lines are compressed together up to about this size: many short texts shrink well, and no value of a row is huge. */
const partBytes = 4 * 2 ** 20;

/** Stores what a task drew and the pages it came from, in one transaction; what is stored already stays as it is. */
export async function recordDraw(
  store: Store,
  { roundId, task }: { readonly roundId: number; readonly task: string },
  draw: NewDraw,
  pages: readonly NewPage[],
): Promise<void> {
  const packed = draw.state === "drawn" ? await pack(draw.texts) : undefined;
  await store.transaction(async (inner) => {
    const created = await inner.db
      .insertInto("draws")
      .values({
        round_id: roundId,
        task,
        state: draw.state,
        reason: draw.state === "dropped" ? draw.reason : null,
        digest: packed?.digest ?? null,
        texts: draw.state === "drawn" ? draw.texts.length : 0,
        drawn_at: Date.now(),
      })
      .onConflict((conflict) => conflict.columns(["round_id", "task"]).doNothing())
      .returning("id")
      .executeTakeFirst();
    if (created === undefined) return;
    for (const [part, texts] of (packed?.parts ?? []).entries())
      await inner.db.insertInto("draw_parts").values({ draw_id: created.id, part, texts }).execute();
    await recordPages(inner, roundId, pages);
  });
}

/** What a task of an open round drew; undefined when it has not been drawn to the end. */
export async function readDraw(
  store: Store,
  { roundId, task }: { readonly roundId: number; readonly task: string },
): Promise<StoredDraw | undefined> {
  const draw = await store.db
    .selectFrom("draws")
    .selectAll()
    .where("round_id", "=", roundId)
    .where("task", "=", task)
    .executeTakeFirst();
  if (draw === undefined) return undefined;
  if (draw.state === "dropped") return { state: "dropped", reason: draw.reason ?? "unknown" };
  const parts = await store.db
    .selectFrom("draw_parts")
    .select("texts")
    .where("draw_id", "=", draw.id)
    .orderBy("part")
    .execute();
  return unpack(
    draw,
    parts.map(({ texts }) => texts),
  );
}

/** Whether any task of the round has been drawn. */
export async function hasDrawn({ db }: Store, roundId: number): Promise<boolean> {
  return (
    (await db.selectFrom("draws").select("id").where("round_id", "=", roundId).limit(1).executeTakeFirst()) !==
    undefined
  );
}

/** Deletes the texts of a round; that they were drawn, and their digest, stays. */
export async function forgetTexts({ db }: Store, roundId: number): Promise<void> {
  const draws = db.selectFrom("draws").select("id").where("round_id", "=", roundId);
  await db.deleteFrom("draw_parts").where("draw_id", "in", draws).execute();
}

async function pack(texts: readonly unknown[]): Promise<{ readonly digest: string; readonly parts: Buffer[] }> {
  const hash = createHash("sha256");
  const parts: Buffer[] = [];
  let lines: Buffer[] = [];
  let sizeBytes = 0;
  const finish = async () => {
    if (lines.length > 0) parts.push(await Bun.zstdCompress(Buffer.concat(lines)));
    [lines, sizeBytes] = [[], 0];
  };
  for (const text of texts) {
    const line = Buffer.from(`${JSON.stringify(text)}\n`);
    hash.update(line);
    lines.push(line);
    sizeBytes += line.length;
    if (sizeBytes >= partBytes) await finish();
  }
  await finish();
  return { digest: hash.digest("hex"), parts };
}

async function unpack(draw: Row<"draws">, parts: readonly Uint8Array[]): Promise<StoredDraw> {
  const hash = createHash("sha256");
  const texts: unknown[] = [];
  try {
    for (const part of parts) {
      const lines = await Bun.zstdDecompress(part);
      hash.update(lines);
      for (const line of lines.toString("utf8").split("\n")) if (line !== "") texts.push(JSON.parse(line));
    }
  } catch (error) {
    return { state: "damaged", reason: `the stored texts of ${draw.task} cannot be read: ${messageOf(error)}` };
  }
  if (hash.digest("hex") !== draw.digest || texts.length !== draw.texts)
    return { state: "damaged", reason: `the stored texts of ${draw.task} do not have their digest` };
  return { state: "drawn", texts };
}
