/** The first state: every table that `src/store/schema.ts` describes. */
import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Dialect, Migration } from "./migration.ts";

export const firstState: Migration = {
  summary: "the first tables: chain, rules, neurons, models, rounds, losses, standings, weights",
  async up(db, dialect) {
    for (const part of [bookkeeping, rules, chainState, models, rounds, scoring, results, submissions])
      await part(db, dialect);
  },
};

type Part = (db: Kysely<unknown>, dialect: Dialect) => Promise<void>;

/** A table with a single integer key that the database gives out. */
function rows(db: Kysely<unknown>, dialect: Dialect, name: string): CreateTableBuilder<string, "id"> {
  return db.schema
    .createTable(name)
    .addColumn("id", dialect.integer, (column) => column.primaryKey())
    .modifyEnd(dialect.rows as never) as CreateTableBuilder<string, "id">;
}

/** A table stored inside its own primary key. */
function keyed(
  db: Kysely<unknown>,
  dialect: Dialect,
  name: string,
  key: readonly string[],
): CreateTableBuilder<string, string> {
  return db.schema
    .createTable(name)
    .addPrimaryKeyConstraint(`${name}_key`, key as never)
    .modifyEnd(dialect.keyed as never) as CreateTableBuilder<string, string>;
}

const bookkeeping: Part = async (db, dialect) => {
  const { integer, text } = dialect;
  await rows(db, dialect, "chain")
    .addColumn("genesis_hash", text, (c) => c.notNull())
    .addColumn("netuid", integer, (c) => c.notNull())
    .addCheckConstraint("chain_is_one", sql`id = 1`)
    .execute();
  await rows(db, dialect, "writers")
    .addColumn("pid", integer, (c) => c.notNull())
    .addColumn("host", text, (c) => c.notNull())
    .addColumn("version", text, (c) => c.notNull())
    .addColumn("started_at", integer, (c) => c.notNull())
    .execute();
  await rows(db, dialect, "events")
    .addColumn("at", integer, (c) => c.notNull())
    .addColumn("block", integer)
    .addColumn("level", text, (c) => c.notNull())
    .addColumn("kind", text, (c) => c.notNull())
    .addColumn("message", text, (c) => c.notNull())
    .addColumn("data", text)
    .execute();
  await db.schema.createIndex("events_at").on("events").column("at").execute();
  await keyed(db, dialect, "journal", ["scope", "key"])
    .addColumn("scope", text, (c) => c.notNull())
    .addColumn("key", text, (c) => c.notNull())
    .addColumn("value", text, (c) => c.notNull())
    .addColumn("written_at", integer, (c) => c.notNull())
    .execute();
};

const rules: Part = async (db, dialect) => {
  const { integer, real, text } = dialect;
  await keyed(db, dialect, "rule_sets", ["digest"])
    .addColumn("digest", text, (c) => c.notNull())
    .addColumn("definition", text, (c) => c.notNull())
    .addColumn("stored_at", integer, (c) => c.notNull())
    .execute();
  await keyed(db, dialect, "competitions", ["digest"])
    .addColumn("digest", text, (c) => c.notNull())
    .addColumn("competition_id", integer, (c) => c.notNull())
    .addColumn("name", text, (c) => c.notNull())
    .addColumn("definition", text, (c) => c.notNull())
    .execute();
  await keyed(db, dialect, "tasks", ["competition_digest", "position"])
    .addColumn("competition_digest", text, (c) => c.notNull().references("competitions.digest"))
    .addColumn("position", integer, (c) => c.notNull())
    .addColumn("name", text, (c) => c.notNull())
    .addColumn("weight", real, (c) => c.notNull())
    .addColumn("definition", text, (c) => c.notNull())
    .addUniqueConstraint("tasks_name", ["competition_digest", "name"] as never)
    .execute();
};

const chainState: Part = async (db, dialect) => {
  const { integer, real, text, bytes } = dialect;
  await rows(db, dialect, "neurons")
    .addColumn("uid", integer, (c) => c.notNull())
    .addColumn("hotkey", text, (c) => c.notNull())
    .addColumn("coldkey", text, (c) => c.notNull())
    .addColumn("first_block", integer, (c) => c.notNull())
    .addColumn("last_block", integer, (c) => c.notNull())
    .addColumn("stake_tao", real, (c) => c.notNull())
    .addColumn("validator_permit", integer, (c) => c.notNull())
    .addColumn("incentive", real, (c) => c.notNull())
    .addColumn("consensus", real, (c) => c.notNull())
    .addColumn("dividends", real, (c) => c.notNull())
    .addColumn("validator_trust", real, (c) => c.notNull())
    .addUniqueConstraint("neurons_place", ["uid", "first_block"])
    .execute();
  await db.schema.createIndex("neurons_hotkey").on("neurons").column("hotkey").execute();
  await rows(db, dialect, "commitments")
    .addColumn("hotkey", text, (c) => c.notNull())
    .addColumn("block", integer, (c) => c.notNull())
    .addColumn("data", bytes, (c) => c.notNull())
    .addColumn("seen_at", integer, (c) => c.notNull())
    .addColumn("problem", text)
    .addColumn("repo", text)
    .addColumn("revision", text)
    .addColumn("secure_hash", text)
    .addColumn("competition_id", integer)
    .addUniqueConstraint("commitments_time", ["hotkey", "block"])
    .execute();
};

const models: Part = async (db, dialect) => {
  const { integer, text } = dialect;
  await rows(db, dialect, "models")
    .addColumn("repo", text, (c) => c.notNull())
    .addColumn("revision", text, (c) => c.notNull())
    .addColumn("found_at", integer, (c) => c.notNull())
    .addColumn("directory_hash", text)
    .addColumn("parameter_hash", text)
    .addColumn("parameter_count", integer)
    .addColumn("size_bytes", integer)
    .addColumn("architecture", text)
    .addColumn("inspection", text)
    .addUniqueConstraint("models_revision", ["repo", "revision"])
    .execute();
  await db.schema.createIndex("models_parameters").on("models").column("parameter_hash").execute();
  await keyed(db, dialect, "verdicts", ["model_id", "hotkey", "constraints_digest"])
    .addColumn("model_id", integer, (c) => c.notNull().references("models.id"))
    .addColumn("hotkey", text, (c) => c.notNull())
    .addColumn("constraints_digest", text, (c) => c.notNull())
    .addColumn("state", text, (c) => c.notNull())
    .addColumn("reason", text)
    .addColumn("detail", text)
    .addColumn("judged_at", integer, (c) => c.notNull())
    .execute();
};

const rounds: Part = async (db, dialect) => {
  const { integer, text } = dialect;
  await rows(db, dialect, "rounds")
    .addColumn("competition_id", integer, (c) => c.notNull())
    .addColumn("competition_digest", text, (c) => c.notNull().references("competitions.digest"))
    .addColumn("rule_set_digest", text, (c) => c.notNull().references("rule_sets.digest"))
    .addColumn("sync_block", integer, (c) => c.notNull())
    .addColumn("sync_block_hash", text, (c) => c.notNull())
    .addColumn("seed", text, (c) => c.notNull())
    .addColumn("state", text, (c) => c.notNull())
    .addColumn("reason", text)
    .addColumn("sample_digest", text)
    .addColumn("verdict", text)
    .addColumn("metagraph_block", integer)
    .addColumn("averages_count", integer)
    .addColumn("started_at", integer, (c) => c.notNull())
    .addColumn("finished_at", integer)
    .addColumn("pruned_at", integer)
    .addUniqueConstraint("rounds_time", ["competition_id", "sync_block"])
    .execute();
  await keyed(db, dialect, "pages", ["round_id", "task", "position"])
    .addColumn("round_id", integer, (c) => c.notNull().references("rounds.id"))
    .addColumn("task", text, (c) => c.notNull())
    .addColumn("position", integer, (c) => c.notNull())
    .addColumn("source", text, (c) => c.notNull())
    .addColumn("page", text, (c) => c.notNull())
    .addColumn("state", text, (c) => c.notNull())
    .addColumn("reason", text)
    .execute();
};

const scoring: Part = async (db, dialect) => {
  const { integer, real, text, bytes } = dialect;
  await rows(db, dialect, "sample_sets")
    .addColumn("round_id", integer, (c) => c.notNull().references("rounds.id"))
    .addColumn("task", text, (c) => c.notNull())
    .addColumn("tokenizer", text, (c) => c.notNull())
    .addColumn("digest", text, (c) => c.notNull())
    .addColumn("batches", integer, (c) => c.notNull())
    .addUniqueConstraint("sample_sets_once", ["round_id", "task", "tokenizer"])
    .execute();
  await keyed(db, dialect, "samples", ["sample_set_id", "position"])
    .addColumn("sample_set_id", integer, (c) => c.notNull().references("sample_sets.id"))
    .addColumn("position", integer, (c) => c.notNull())
    .addColumn("batch", integer, (c) => c.notNull())
    .addColumn("ids", bytes, (c) => c.notNull())
    .addColumn("scored_from", integer)
    .addColumn("generation", text)
    .addColumn("reference", text)
    .execute();
  await rows(db, dialect, "contenders")
    .addColumn("round_id", integer, (c) => c.notNull().references("rounds.id"))
    .addColumn("uid", integer, (c) => c.notNull())
    .addColumn("hotkey", text, (c) => c.notNull())
    .addColumn("commitment_id", integer, (c) => c.references("commitments.id"))
    .addColumn("model_id", integer, (c) => c.references("models.id"))
    .addColumn("state", text, (c) => c.notNull())
    .addColumn("reason", text)
    .addColumn("detail", text)
    .addUniqueConstraint("contenders_once", ["round_id", "uid"])
    .execute();
  await rows(db, dialect, "evaluations")
    .addColumn("round_id", integer, (c) => c.notNull().references("rounds.id"))
    .addColumn("model_id", integer, (c) => c.notNull().references("models.id"))
    .addColumn("task", text, (c) => c.notNull())
    .addColumn("sample_set_id", integer, (c) => c.references("sample_sets.id"))
    .addColumn("state", text, (c) => c.notNull())
    .addColumn("reason", text)
    .addColumn("detail", text)
    .addColumn("engine", text)
    .addColumn("started_at", integer, (c) => c.notNull())
    .addColumn("finished_at", integer)
    .addUniqueConstraint("evaluations_once", ["round_id", "model_id", "task"])
    .execute();
  await db.schema.createIndex("evaluations_model").on("evaluations").column("model_id").execute();
  await keyed(db, dialect, "losses", ["evaluation_id", "batch"])
    .addColumn("evaluation_id", integer, (c) => c.notNull().references("evaluations.id"))
    .addColumn("batch", integer, (c) => c.notNull())
    .addColumn("loss", real, (c) => c.notNull())
    .execute();
};

const results: Part = async (db, dialect) => {
  const { integer, real, text } = dialect;
  await keyed(db, dialect, "standings", ["round_id", "uid"])
    .addColumn("round_id", integer, (c) => c.notNull().references("rounds.id"))
    .addColumn("uid", integer, (c) => c.notNull())
    .addColumn("rank", integer, (c) => c.notNull())
    .addColumn("outcome", text, (c) => c.notNull())
    .addColumn("duplicate_of", integer)
    .addColumn("score", real, (c) => c.notNull())
    .addColumn("epsilon", real, (c) => c.notNull())
    .addColumn("wins", integer, (c) => c.notNull())
    .addColumn("matches", integer, (c) => c.notNull())
    .addColumn("win_rate", real, (c) => c.notNull())
    .addColumn("weight", real, (c) => c.notNull())
    .execute();
  await keyed(db, dialect, "task_scores", ["round_id", "uid", "task"])
    .addColumn("round_id", integer, (c) => c.notNull().references("rounds.id"))
    .addColumn("uid", integer, (c) => c.notNull())
    .addColumn("task", text, (c) => c.notNull())
    .addColumn("raw", real, (c) => c.notNull())
    .addColumn("normalized", real, (c) => c.notNull())
    .addColumn("weighted", real, (c) => c.notNull())
    .execute();
  for (const name of ["averages", "subnet_weights"])
    await keyed(db, dialect, name, ["round_id", "uid"])
      .addColumn("round_id", integer, (c) => c.notNull().references("rounds.id"))
      .addColumn("uid", integer, (c) => c.notNull())
      .addColumn("hotkey", text, (c) => c.notNull())
      .addColumn("weight", real, (c) => c.notNull())
      .execute();
};

const submissions: Part = async (db, dialect) => {
  const { integer, real, text, bytes } = dialect;
  await rows(db, dialect, "submissions")
    .addColumn("round_id", integer, (c) => c.references("rounds.id"))
    .addColumn("block", integer, (c) => c.notNull())
    .addColumn("hotkey", text, (c) => c.notNull())
    .addColumn("mode", text, (c) => c.notNull())
    .addColumn("version_key", integer, (c) => c.notNull())
    .addColumn("state", text, (c) => c.notNull())
    .addColumn("salt", bytes)
    .addColumn("payload", bytes)
    .addColumn("reveal_round", integer)
    .addColumn("answer", text)
    .addColumn("created_at", integer, (c) => c.notNull())
    .addColumn("answered_at", integer)
    .execute();
  await keyed(db, dialect, "submission_weights", ["submission_id", "uid"])
    .addColumn("submission_id", integer, (c) => c.notNull().references("submissions.id"))
    .addColumn("uid", integer, (c) => c.notNull())
    .addColumn("weight", real, (c) => c.notNull())
    .addColumn("value", integer, (c) => c.notNull())
    .execute();
};
