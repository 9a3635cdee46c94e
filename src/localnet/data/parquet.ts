/** Rows written as Parquet, with the nested columns that the public datasets have. */
import { parquetWriteBuffer, type SchemaElement } from "hyparquet-writer";
import type { ColumnType, Row } from "./datasets.ts";

const text = { type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" } as const;

/** The schema elements of a column, in the depth-first order that Parquet asks for. */
const elements: Readonly<Record<ColumnType, (name: string) => SchemaElement[]>> = {
  string: (name) => [{ name, ...text }],
  integer: (name) => [{ name, type: "INT64", repetition_type: "OPTIONAL" }],
  double: (name) => [{ name, type: "DOUBLE", repetition_type: "OPTIONAL" }],
  messages: (name) => [
    { name, converted_type: "LIST", repetition_type: "OPTIONAL", num_children: 1 },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "OPTIONAL", num_children: 2 },
    { name: "content", ...text },
    { name: "role", ...text },
  ],
};

/** A whole Parquet file. Row groups of `rowGroupRows`, so that readers have something to choose from. */
export function writeParquet(
  columns: Readonly<Record<string, ColumnType>>,
  rows: readonly Row[],
  rowGroupRows: number,
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(columns);
  const schema: SchemaElement[] = [
    { name: "schema", num_children: names.length },
    ...names.flatMap((name) => elements[columns[name]!](name)),
  ];
  const cell = (value: unknown, type: ColumnType) => (type === "integer" ? BigInt(Number(value)) : (value ?? null));
  const columnData = names.map((name) => ({ name, data: rows.map((row) => cell(row[name], columns[name]!)) }));
  return new Uint8Array(parquetWriteBuffer({ columnData, schema, rowGroupSize: rowGroupRows }));
}
