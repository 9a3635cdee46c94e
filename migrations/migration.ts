/** What a migration is given, and must be: the schema in Kysely's builder, with the few words that databases spell differently. */
import type { ColumnDataType, Expression, Kysely } from "kysely";

/** Column types and table endings of the database at hand; `src/store/database.ts` fills it in for SQLite. */
export interface Dialect {
  /** Whole numbers up to 2^53. */
  readonly integer: ColumnDataType;
  /** IEEE doubles, infinities included, NaN not. */
  readonly real: ColumnDataType;
  readonly text: ColumnDataType;
  readonly bytes: ColumnDataType;
  /** Ends a table whose primary key is a single integer that the database gives out. */
  readonly rows: Expression<unknown>;
  /** Ends a table that is stored inside its primary key, so that the key is not kept twice. */
  readonly keyed: Expression<unknown>;
}

export interface Migration {
  /** One sentence: what it changes, shown by `finetune db info`. */
  readonly summary: string;
  /** Runs inside the transaction of all pending migrations. */
  readonly up: (db: Kysely<unknown>, dialect: Dialect) => Promise<void>;
}
