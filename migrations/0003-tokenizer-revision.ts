/** Which commit of a competition's tokenizer a round measured with, so that two validators can see whether it was the same. */
import type { Migration } from "./migration.ts";

export const tokenizerRevision: Migration = {
  summary: "the commit of the competition's tokenizer that a round measured with",
  async up(db, { text }) {
    await db.schema.alterTable("rounds").addColumn("tokenizer_revision", text).execute();
  },
};
