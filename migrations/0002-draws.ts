/** What a round drew, so that a round that was cut off goes on with the same texts. */
import type { Migration } from "./migration.ts";

export const draws: Migration = {
  summary: "the texts of a round's tasks, while it is open",
  async up(db, { integer, text, bytes, rows, keyed }) {
    await db.schema
      .createTable("draws")
      .addColumn("id", integer, (column) => column.primaryKey())
      .addColumn("round_id", integer, (column) => column.notNull().references("rounds.id"))
      .addColumn("task", text, (column) => column.notNull())
      .addColumn("state", text, (column) => column.notNull())
      .addColumn("reason", text)
      .addColumn("digest", text)
      .addColumn("texts", integer, (column) => column.notNull())
      .addColumn("drawn_at", integer, (column) => column.notNull())
      .addUniqueConstraint("draws_once", ["round_id", "task"])
      .modifyEnd(rows)
      .execute();
    await db.schema
      .createTable("draw_parts")
      .addColumn("draw_id", integer, (column) => column.notNull().references("draws.id"))
      .addColumn("part", integer, (column) => column.notNull())
      .addColumn("texts", bytes, (column) => column.notNull())
      .addPrimaryKeyConstraint("draw_parts_key", ["draw_id", "part"])
      .modifyEnd(keyed)
      .execute();
  },
};
