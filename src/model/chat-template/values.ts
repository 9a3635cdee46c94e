/**
 * Python's values as a template sees them, in JavaScript: str is a string, int a number, float a `Float` (2.0 prints
 * otherwise than 2), list an array, tuple a `Tuple`, dict a Map, None null, and what is not there an `Undefined`.
 */

export class Float {
  constructor(readonly value: number) {}
}

export class Tuple {
  constructor(readonly items: readonly Value[]) {}
}

/** `namespace(…)`: the only thing that a template may assign into. */
export class Namespace {
  constructor(readonly fields: Map<string, Value>) {}
}

/** Jinja's Undefined: empty when printed, an error when anything is asked of it. */
export class Undefined {
  constructor(readonly hint: string) {}
}

/** Arguments of a call: `caller` and the like come as named ones. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}
export type Callable = (args: Arguments) => Value;

export type Value =
  | string
  | number
  | boolean
  | null
  | Float
  | Undefined
  | Tuple
  | Namespace
  | Callable
  | readonly Value[]
  | ReadonlyMap<string, Value>;

/** What goes wrong while a template renders; `reason` is the outcome's. */
export class TemplateProblem extends Error {
  constructor(
    readonly reason: "template-raised" | "template-failed" | "template-unsupported" | "template-too-large",
    message: string,
  ) {
    super(message);
  }
}

export function failed(message: string): TemplateProblem {
  return new TemplateProblem("template-failed", message);
}

export function isMap(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** A value, or another one where there is none. Not `??`, for which None would be none too. */
export function or(value: Value | undefined, otherwise: Value): Value {
  return value === undefined ? otherwise : value;
}

/** A JSON-like value of JavaScript. Whole numbers are int: JSON has lost the difference. */
export function fromJson(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return Number.isInteger(value) ? value : new Float(value);
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(fromJson);
  return new Map(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
}

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "string") return "str";
  if (typeof value === "number") return "int";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "function") return "function";
  if (value instanceof Float) return "float";
  if (value instanceof Tuple) return "tuple";
  if (value instanceof Namespace) return "Namespace";
  if (value instanceof Undefined) return "Undefined";
  return isMap(value) ? "dict" : "list";
}

/** `bool(value)` */
export function truthy(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === "string" || isList(value)) return value.length > 0;
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Tuple) return value.items.length > 0;
  if (isMap(value)) return value.size > 0;
  return typeof value === "function" || value instanceof Namespace ? true : Boolean(value);
}

/** The number that a value is in arithmetic; booleans are 0 and 1. */
export function numeric(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Float ? value.value : undefined;
}

/** `a == b` */
export function equal(a: Value, b: Value): boolean {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined || y !== undefined) return x === y;
  if (isList(a)) return isList(b) && sameItems(a, b);
  if (a instanceof Tuple) return b instanceof Tuple && sameItems(a.items, b.items);
  if (isMap(a)) {
    if (!isMap(b) || a.size !== b.size) return false;
    return [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)!));
  }
  return a === b || (a instanceof Undefined && b instanceof Undefined);
}

function sameItems(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, index) => equal(item, b[index]!));
}

/** Less than zero, zero or more: how `<` and `sorted` order two values. Strings by code point. */
export function compare(a: Value, b: Value): number {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return x - y;
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  const [p, q] = [sequence(a), sequence(b)];
  if (p !== undefined && q !== undefined && typeName(a) === typeName(b)) {
    for (let i = 0; i < Math.min(p.length, q.length); i++) if (!equal(p[i]!, q[i]!)) return compare(p[i]!, q[i]!);
    return p.length - q.length;
  }
  throw failed(`'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function compareCodePoints(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++)
    if (x[i] !== y[i]) return x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!;
  return x.length - y.length;
}

/** The items of a list or tuple. */
export function sequence(value: Value): readonly Value[] | undefined {
  return value instanceof Tuple ? value.items : isList(value) ? value : undefined;
}

/** What a `for` runs over: items, the keys of a dict, the characters of a string. */
export function iterate(value: Value): readonly Value[] {
  if (typeof value === "string") return Array.from(value);
  if (isMap(value)) return [...value.keys()];
  if (value instanceof Undefined) return [];
  const items = sequence(value);
  if (items === undefined) throw failed(`'${typeName(value)}' object is not iterable`);
  return items;
}

/** `len(value)`; of a string in code points. */
export function lengthOf(value: Value): number {
  if (value === null || numeric(value) !== undefined || typeof value === "function" || value instanceof Namespace)
    throw failed(`object of type '${typeName(value)}' has no len()`);
  return typeof value === "string" ? codePoints(value) : isMap(value) ? value.size : iterate(value).length;
}

export function codePoints(text: string): number {
  let surrogates = 0;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xd800) surrogates += 1;
  return text.length - surrogates;
}

/** `str(value)` */
export function str(value: Value): string {
  return typeof value === "string" ? value : value instanceof Undefined ? "" : repr(value);
}

/** `repr(value)` */
export function repr(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return quote(value);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Tuple) {
    const items = value.items.map(repr);
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
  }
  if (isList(value)) return `[${value.map(repr).join(", ")}]`;
  if (isMap(value)) return `{${[...value].map(([key, item]) => `${quote(key)}: ${repr(item)}`).join(", ")}}`;
  throw failed(`a ${typeName(value)} cannot be printed`);
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const names: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const inner = text.replace(
    /[\\\n\r\t]|[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}|['"]/gu,
    (character) => {
      if (character === "'" || character === '"') return character === mark ? `\\${character}` : character;
      return names[character] ?? escapeCodePoint(character.codePointAt(0)!);
    },
  );
  return `${mark}${inner}${mark}`;
}

function escapeCodePoint(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

/** The shortest text that reads back as the same double, with Python's choice of when to use an exponent. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits, exponentText] = value.toExponential().split("e") as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16)
    return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  const plain = exponent < 0 ? value.toFixed(digits.replace(/[-.]/g, "").length - 1 - exponent) : String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}
