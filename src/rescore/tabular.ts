/** Tables for other programs: CSV (RFC 4180), JSON lines or Parquet, written row by row in bounded memory. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { FailureError, messageOf, OperatorError } from "../base/errors.ts";

export type TableFormat = "csv" | "jsonl" | "parquet";
export const tableFormats: readonly TableFormat[] = ["csv", "jsonl", "parquet"];

/** `integer` is exact up to 2^53; `real` may be infinite (`inf` in text), and every kind may be null. */
export type ColumnKind = "integer" | "real" | "text";
export type Columns = Readonly<Record<string, ColumnKind>>;
export type Cell = number | string | null;

export interface TableWriter {
  /** Cells in the order of the columns. Awaits a reader that is slower. */
  readonly write: (row: readonly Cell[]) => Promise<void>;
  /** Writes what is left and closes the output. */
  readonly end: () => Promise<void>;
}

/** Parquet's unit: its rows are in memory until it is full. The text formats are written in portions of the same size. */
const rowsPerGroup = 50_000;

/** Begins a table. `output` is a file to create, or undefined for stdout. Throws `OperatorError` when it cannot be written. */
export function writeTable(format: TableFormat, columns: Columns, output: string | undefined): TableWriter {
  if (output === undefined && format === "parquet" && process.stdout.isTTY)
    throw new OperatorError("Parquet is not for a terminal.", "Give a file with --output, or send it to a pipe.");
  const sink = openSink(output);
  const encoder = encoders[format](columns);
  let rows: (readonly Cell[])[] = [];
  const flush = async () => {
    await sink.write(encoder.rows(rows));
    rows = [];
  };
  return {
    write: async (row) => {
      rows.push(row);
      if (rows.length === rowsPerGroup) await flush();
    },
    end: async () => {
      if (rows.length > 0) await flush();
      await sink.write(encoder.end());
      await sink.end();
    },
  };
}

interface Encoder {
  readonly rows: (rows: readonly (readonly Cell[])[]) => Uint8Array | string;
  readonly end: () => Uint8Array | string;
}

const encoders: Readonly<Record<TableFormat, (columns: Columns) => Encoder>> = {
  csv(columns) {
    let header = `${Object.keys(columns).map(csvCell).join(",")}\r\n`;
    const takeHeader = () => {
      const text = header;
      header = "";
      return text;
    };
    return {
      rows: (rows) => takeHeader() + rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join(""),
      end: takeHeader,
    };
  },
  jsonl(columns) {
    const names = Object.keys(columns);
    const line = (row: readonly Cell[]) =>
      `${JSON.stringify(Object.fromEntries(names.map((name, index) => [name, jsonCell(row[index]!)])))}\n`;
    return { rows: (rows) => rows.map(line).join(""), end: () => "" };
  },
  parquet(columns) {
    const entries = Object.entries(columns);
    const bytes = new ByteWriter();
    // The writer's offset goes on counting; only its buffer is emptied, so that a long table is never in memory whole.
    const take = () => {
      const fresh = new Uint8Array(bytes.buffer, 0, bytes.index).slice();
      bytes.index = 0;
      return fresh;
    };
    const schema = [
      { name: "root", num_children: entries.length },
      ...entries.map(([name, kind]) => ({ name, repetition_type: "OPTIONAL" as const, ...parquetTypes[kind] })),
    ];
    const writer = new ParquetWriter({ writer: bytes, schema, createdBy: "finetune" });
    return {
      rows: (rows) => {
        const columnData = entries.map(([name, kind], index) => ({
          name,
          data: rows.map((row) => parquetCell(row[index]!, kind)),
        }));
        writer.write({ columnData, rowGroupSize: rowsPerGroup });
        return take();
      },
      end: () => {
        writer.finish();
        return take();
      },
    };
  },
};

const parquetTypes = {
  integer: { type: "INT64" },
  real: { type: "DOUBLE" },
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
} as const;

function parquetCell(cell: Cell, kind: ColumnKind): bigint | Cell {
  return kind === "integer" && typeof cell === "number" ? BigInt(cell) : cell;
}

function csvCell(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return numberText(cell);
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** JSON has no infinities: they are texts. */
function jsonCell(cell: Cell): Cell {
  return typeof cell === "number" && !Number.isFinite(cell) ? numberText(cell) : cell;
}

/** The shortest text that reads back as the same number; infinities as Python and most tools write them. */
function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  return String(value);
}

interface Sink {
  readonly write: (chunk: Uint8Array | string) => Promise<void>;
  readonly end: () => Promise<void>;
}

function openSink(output: string | undefined): Sink {
  const stream = output === undefined ? process.stdout : createWriteStream(output, { flags: "wx" });
  let failure: Error | undefined;
  stream.on("error", (error) => (failure = error));
  const check = () => {
    if (failure === undefined) return;
    if ("code" in failure && failure.code === "EEXIST")
      throw new OperatorError(`${output} exists already.`, "Give a name that is free.");
    throw new FailureError(`The table cannot be written (${messageOf(failure)}).`, "Check the folder and the space.");
  };
  return {
    write: async (chunk) => {
      check();
      if (chunk.length > 0 && !stream.write(chunk)) await Promise.race([once(stream, "drain"), once(stream, "close")]);
      check();
    },
    end: async () => {
      check();
      if (output === undefined) return;
      stream.end();
      await Promise.race([once(stream, "close"), once(stream, "error")]).catch(() => {});
      check();
    },
  };
}
