/** Results on stdout: one JSON document, or a table. */
import Table from "cli-table3";
import { printable, unprintable } from "../base/log.ts";

/** Prints exactly one JSON document and a newline. What a terminal would obey is escaped, which changes no value. */
export function printJson(value: unknown): void {
  const escaped = JSON.stringify(value).replace(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  process.stdout.write(`${escaped}\n`);
}

/** Prints text, a newline added. Names and sentences from outside may be in it: control characters are replaced. */
export function print(text = ""): void {
  process.stdout.write(`${printable(text)}\n`);
}

const bare = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** Renders aligned columns under a header. Numbers are right-aligned; control characters of cells are replaced. */
export function renderTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column] ?? "")));
  const table = new Table({
    head: [...header],
    chars: bare,
    colAligns: numeric.map((right) => (right ? "right" : "left")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) table.push(row.map((cell) => printable(String(cell))));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

export function printTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  print(renderTable(header, rows));
}

/** A part of 1 in hundredths: `12.34 %`; a dash where there is none. */
export function percent(part: number | null): string {
  return part === null ? "–" : `${(100 * part).toFixed(2)} %`;
}

/** Bytes in megabytes of 10⁶, one digit after the point: `12.3`. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** How far bytes have come: `1.2 of 34.5 MB`. */
export function transferred(bytes: { readonly doneBytes: number; readonly totalBytes: number }): string {
  return `${megabytes(bytes.doneBytes)} of ${megabytes(bytes.totalBytes)} MB`;
}

function isNumeric(cell: string | number): boolean {
  return typeof cell === "number" || cell === "" || cell === "–" || /^[−+-]?[\d.,]+( ?%)?$/.test(cell);
}
