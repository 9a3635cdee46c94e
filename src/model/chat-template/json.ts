/** `tojson` as transformers defines it: Python's json.dumps that keeps every character as it is. */
import { Float, floatText, isMap, sequence, TemplateProblem, truthy, typeName, type Value } from "./values.ts";

export interface JsonStyle {
  readonly indent: Value;
  readonly ensureAscii: Value;
  readonly separators: Value;
  readonly sortKeys: Value;
}

export function toJson(value: Value, style: JsonStyle): string {
  const indent = typeof style.indent === "number" ? " ".repeat(style.indent) : style.indent;
  const separators = sequence(style.separators);
  const [item, key] = separators ?? [typeof indent === "string" ? "," : ", ", ": "];
  return write(value, {
    indent: typeof indent === "string" ? indent : undefined,
    item: String(item),
    key: String(key),
    text: truthy(style.ensureAscii) ? asciiText : (text) => JSON.stringify(text),
    sortKeys: truthy(style.sortKeys),
    newline: "\n",
  });
}

interface Writer {
  readonly indent: string | undefined;
  readonly item: string;
  readonly key: string;
  readonly text: (text: string) => string;
  readonly sortKeys: boolean;
  /** A line break and the indentation of the surrounding container. */
  readonly newline: string;
}

function write(value: Value, writer: Writer): string {
  if (value === null) return "null";
  if (typeof value === "boolean" || typeof value === "number") return String(value);
  if (typeof value === "string") return writer.text(value);
  if (value instanceof Float) return jsonFloat(value.value);
  const items = sequence(value);
  if (items !== undefined)
    return bracket(
      "[",
      "]",
      items.map((item) => (inner: Writer) => write(item, inner)),
      writer,
    );
  if (isMap(value)) {
    const entries = [...value];
    if (writer.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const parts = entries.map(
      ([key, item]) =>
        (inner: Writer) =>
          `${writer.text(key)}${writer.key}${write(item, inner)}`,
    );
    return bracket("{", "}", parts, writer);
  }
  throw new TemplateProblem("template-failed", `Object of type ${typeName(value)} is not JSON serializable`);
}

function bracket(open: string, close: string, parts: readonly ((inner: Writer) => string)[], writer: Writer): string {
  if (parts.length === 0) return open + close;
  if (writer.indent === undefined) return open + parts.map((part) => part(writer)).join(writer.item) + close;
  const inner = { ...writer, newline: writer.newline + writer.indent };
  return (
    open + inner.newline + parts.map((part) => part(inner)).join(writer.item + inner.newline) + writer.newline + close
  );
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? floatText(value) : value > 0 ? "Infinity" : "-Infinity";
}

function asciiText(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) =>
    unit === "\u007f" ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
