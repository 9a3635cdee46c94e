/** The methods of Python's str, list, tuple and dict that a sandboxed template may call. */
import {
  type Arguments,
  type Callable,
  codePoints,
  equal,
  failed,
  isList,
  isMap,
  iterate,
  numeric,
  or,
  sequence,
  str,
  TemplateProblem,
  Tuple,
  typeName,
  type Value,
} from "./values.ts";

/** The method of a value by its name; `undefined`: it has none of that name. */
export function methodOf(value: Value, name: string): Callable | undefined {
  if (typeof value === "string") return bind(strMethods, value, name);
  if (isMap(value)) return forbidden(dictForbidden, name) ?? bind(dictMethods, value, name);
  if (isList(value)) return forbidden(listForbidden, name) ?? bind(listMethods, value, name);
  if (value instanceof Tuple) return bind(listMethods, value.items, name);
  return undefined;
}

function bind<T>(methods: Readonly<Record<string, Method<T>>>, value: T, name: string): Callable | undefined {
  return Object.hasOwn(methods, name) ? (args) => methods[name]!(value, args) : undefined;
}

type Method<T> = (self: T, args: Arguments) => Value;

/** What would change a value: the sandbox of transformers is the immutable one. */
const listForbidden = new Set(["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]);
const dictForbidden = new Set(["clear", "pop", "popitem", "setdefault", "update"]);

function forbidden(names: ReadonlySet<string>, name: string): Callable | undefined {
  if (!names.has(name)) return undefined;
  return () => {
    throw failed(`access to attribute '${name}' is unsafe`);
  };
}

/** An argument by position or name. */
export function argument(args: Arguments, index: number, name: string): Value | undefined {
  return index >= 0 && index < args.positional.length ? args.positional[index] : args.named.get(name);
}

function text(args: Arguments, index: number, name: string): string | undefined {
  const value = argument(args, index, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw failed(`must be str, not ${typeName(value)}`);
  return value;
}

function need(args: Arguments, index: number): string {
  const value = text(args, index, "");
  if (value === undefined) throw failed(`takes at least ${index + 1} arguments`);
  return value;
}

function whole(args: Arguments, index: number, name: string, otherwise: number): number {
  const value = argument(args, index, name);
  if (value === undefined || value === null) return otherwise;
  const found = numeric(value);
  if (found === undefined) throw failed(`'${typeName(value)}' object cannot be interpreted as an integer`);
  return found;
}

/** What Python's str.strip and str.split take for white space; JavaScript's trim differs in U+001C…1F, U+0085 and U+FEFF. */
const space = "\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const leading = new RegExp(`^[${space}]+`);
const trailing = new RegExp(`(?<![${space}])[${space}]+$`);
const words = new RegExp(`[^${space}]+`, "g");

/** `str.strip(characters)`, one side or both. */
export function strip(value: string, characters: string | undefined, sides: { left: boolean; right: boolean }): string {
  if (characters === undefined) {
    const rest = sides.left ? value.replace(leading, "") : value;
    return sides.right ? rest.replace(trailing, "") : rest;
  }
  const unwanted = new Set(characters);
  const letters = Array.from(value);
  let [from, to] = [0, letters.length];
  while (sides.left && from < to && unwanted.has(letters[from]!)) from += 1;
  while (sides.right && to > from && unwanted.has(letters[to - 1]!)) to -= 1;
  return letters.slice(from, to).join("");
}

function split(value: string, separator: string | undefined, max: number): string[] {
  if (separator === "") throw failed("empty separator");
  if (separator !== undefined) {
    const parts = value.split(separator);
    return max < 0 || parts.length <= max + 1 ? parts : [...parts.slice(0, max), parts.slice(max).join(separator)];
  }
  const parts: string[] = [];
  for (const match of value.matchAll(words)) {
    if (max >= 0 && parts.length === max) {
      parts.push(strip(value.slice(match.index), undefined, { left: false, right: true }));
      break;
    }
    parts.push(match[0]);
  }
  return parts;
}

function splitRight(value: string, separator: string | undefined, max: number): string[] {
  const parts = split(value, separator, -1);
  if (max < 0 || parts.length <= max + 1) return parts;
  const kept = parts.length - max;
  if (separator !== undefined) return [parts.slice(0, kept).join(separator), ...parts.slice(kept)];
  const matches = [...value.matchAll(words)];
  const last = matches[kept - 1]!;
  return [
    strip(value.slice(0, last.index + last[0].length), undefined, { left: true, right: false }),
    ...parts.slice(kept),
  ];
}

export function capitalize(value: string): string {
  const [first = "", ...rest] = Array.from(value);
  return first.toUpperCase() + rest.join("").toLowerCase();
}

/** `str.replace(old, new, count)` */
export function replace(value: string, old: string, replacement: string, max: number): string {
  if (max < 0) return value.replaceAll(old, () => replacement);
  let left = max;
  return value.replaceAll(old, (found) => (left-- > 0 ? replacement : found));
}

function affix(args: Arguments, has: (part: string) => boolean): boolean {
  const wanted = args.positional[0] ?? null;
  const parts = wanted instanceof Tuple ? wanted.items : [wanted];
  return parts.some((part) => {
    if (typeof part !== "string") throw failed(`expected a str or a tuple of str, not ${typeName(part)}`);
    return has(part);
  });
}

/** The index in code points; −1: not there. */
function find(value: string, part: string, from: "left" | "right"): number {
  const at = from === "left" ? value.indexOf(part) : value.lastIndexOf(part);
  return at < 0 ? -1 : codePoints(value.slice(0, at));
}

function indexIn(value: string, part: string, from: "left" | "right"): number {
  const at = find(value, part, from);
  if (at < 0) throw failed("substring not found");
  return at;
}

function justify(value: string, args: Arguments, side: "left" | "right" | "center"): string {
  const width = whole(args, 0, "width", 0);
  const fill = text(args, 1, "fillchar") ?? " ";
  const missing = Math.max(width - codePoints(value), 0);
  if (missing > 100_000) throw new TemplateProblem("template-too-large", "a text is padded to too great a width");
  // CPython puts the odd character of str.center on the left when the width is odd.
  const left = side === "left" ? 0 : side === "right" ? missing : (missing >> 1) + (missing & width & 1);
  return fill.repeat(left) + value + fill.repeat(missing - left);
}

const every = (pattern: RegExp) => (value: string) => value !== "" && pattern.test(value);

const strMethods: Readonly<Record<string, Method<string>>> = {
  upper: (value) => value.toUpperCase(),
  lower: (value) => value.toLowerCase(),
  casefold: (value) => value.toLowerCase().replaceAll("ß", "ss"),
  capitalize: (value) => capitalize(value),
  title: (value) => value.replace(/\p{L}+/gu, capitalize),
  swapcase: (value) =>
    Array.from(value, (letter) => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase())).join(
      "",
    ),
  strip: (value, args) => strip(value, text(args, 0, "chars"), { left: true, right: true }),
  lstrip: (value, args) => strip(value, text(args, 0, "chars"), { left: true, right: false }),
  rstrip: (value, args) => strip(value, text(args, 0, "chars"), { left: false, right: true }),
  startswith: (value, args) => affix(args, (part) => value.startsWith(part)),
  endswith: (value, args) => affix(args, (part) => value.endsWith(part)),
  removeprefix: (value, args) => (value.startsWith(need(args, 0)) ? value.slice(need(args, 0).length) : value),
  removesuffix: (value, args) =>
    value.endsWith(need(args, 0)) ? value.slice(0, value.length - need(args, 0).length) : value,
  split: (value, args) => split(value, text(args, 0, "sep"), whole(args, 1, "maxsplit", -1)),
  rsplit: (value, args) => splitRight(value, text(args, 0, "sep"), whole(args, 1, "maxsplit", -1)),
  splitlines: (value) => {
    const lines = value.split(/\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/);
    return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  },
  partition: (value, args) => {
    const at = value.indexOf(need(args, 0));
    return new Tuple(
      at < 0 ? [value, "", ""] : [value.slice(0, at), need(args, 0), value.slice(at + need(args, 0).length)],
    );
  },
  rpartition: (value, args) => {
    const at = value.lastIndexOf(need(args, 0));
    return new Tuple(
      at < 0 ? ["", "", value] : [value.slice(0, at), need(args, 0), value.slice(at + need(args, 0).length)],
    );
  },
  replace: (value, args) => replace(value, need(args, 0), need(args, 1), whole(args, 2, "count", -1)),
  find: (value, args) => find(value, need(args, 0), "left"),
  rfind: (value, args) => find(value, need(args, 0), "right"),
  index: (value, args) => indexIn(value, need(args, 0), "left"),
  rindex: (value, args) => indexIn(value, need(args, 0), "right"),
  count: (value, args) => (need(args, 0) === "" ? codePoints(value) + 1 : value.split(need(args, 0)).length - 1),
  join: (value, args) =>
    iterate(args.positional[0] ?? null)
      .map((item) => {
        if (typeof item !== "string") throw failed(`sequence item: expected str instance, ${typeName(item)} found`);
        return item;
      })
      .join(value),
  zfill: (value, args) => {
    const sign = /^[+-]?/.exec(value)![0];
    return (
      sign +
      justify(value.slice(sign.length), { ...args, positional: [whole(args, 0, "", 0) - sign.length, "0"] }, "right")
    );
  },
  center: (value, args) => justify(value, args, "center"),
  ljust: (value, args) => justify(value, args, "left"),
  rjust: (value, args) => justify(value, args, "right"),
  isdigit: every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]+$/u),
  isdecimal: every(/^\p{Nd}+$/u),
  isnumeric: every(/^\p{N}+$/u),
  isalpha: every(/^\p{L}+$/u),
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isspace: every(new RegExp(`^[${space}]+$`)),
  islower: (value) => value === value.toLowerCase() && value !== value.toUpperCase(),
  isupper: (value) => value === value.toUpperCase() && value !== value.toLowerCase(),
  format: (value, args) => formatBraces(value, args),
};

/** `str.format` with plain fields; a field with a format or an attribute is refused by name. */
function formatBraces(value: string, args: Arguments): string {
  let next = 0;
  return value.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (whole, field?: string) => {
    if (field === undefined) return whole[0]!;
    if (!/^\w*$/.test(field)) throw new TemplateProblem("template-unsupported", `str.format with the field {${field}}`);
    const found = /^\d*$/.test(field) ? args.positional[field === "" ? next++ : Number(field)] : args.named.get(field);
    if (found === undefined) throw failed(`Replacement index or key {${field}} is missing`);
    return str(found);
  });
}

const listMethods: Readonly<Record<string, Method<readonly Value[]>>> = {
  index: (items, { positional: [wanted = null] }) => {
    const at = items.findIndex((item) => equal(item, wanted));
    if (at < 0) throw failed("the value is not in the list");
    return at;
  },
  count: (items, { positional: [wanted = null] }) => items.filter((item) => equal(item, wanted)).length,
  copy: (items) => [...items],
};

const dictMethods: Readonly<Record<string, Method<ReadonlyMap<string, Value>>>> = {
  get: (fields, { positional: [key = null, otherwise = null] }) =>
    or(typeof key === "string" ? fields.get(key) : undefined, otherwise),
  items: (fields) => [...fields].map((entry) => new Tuple(entry)),
  keys: (fields) => [...fields.keys()],
  values: (fields) => [...fields.values()],
  copy: (fields) => new Map(fields),
};

/** `value[start:stop:step]` */
export function slice(value: Value, start: Value, stop: Value, step: Value): Value {
  if (typeof value === "string") return sliceItems(Array.from(value), start, stop, step).join("");
  const items = sequence(value);
  if (items === undefined) throw failed(`'${typeName(value)}' object is not subscriptable`);
  const part = sliceItems(items, start, stop, step);
  return value instanceof Tuple ? new Tuple(part) : part;
}

function sliceItems<T>(items: readonly T[], start: Value, stop: Value, step: Value): T[] {
  const by = bound(step) ?? 1;
  if (by === 0) throw failed("slice step cannot be zero");
  const [low, high] = by > 0 ? [0, items.length] : [-1, items.length - 1];
  const clip = (at: number | undefined, otherwise: number) =>
    at === undefined ? otherwise : Math.min(Math.max(at < 0 ? at + items.length : at, low), high);
  const from = clip(bound(start), by > 0 ? low : high);
  const to = clip(bound(stop), by > 0 ? high : low);
  const part: T[] = [];
  for (let at = from; by > 0 ? at < to : at > to; at += by) part.push(items[at]!);
  return part;
}

function bound(value: Value): number | undefined {
  if (value === null) return undefined;
  const found = numeric(value);
  if (found === undefined) throw failed("slice indices must be integers or None");
  return found;
}
