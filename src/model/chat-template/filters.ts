/** Jinja's filters and tests, with Python's meaning. */
import { toJson } from "./json.ts";
import { argument, capitalize, methodOf, replace, strip } from "./methods.ts";
import { printf } from "./printf.ts";
import {
  type Arguments,
  compare,
  equal,
  Float,
  failed,
  isList,
  isMap,
  iterate,
  lengthOf,
  Namespace,
  numeric,
  or,
  sequence,
  str,
  TemplateProblem,
  Tuple,
  truthy,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

export type Filter = (value: Value, args: Arguments) => Value;
export type Test = (value: Value, args: Arguments) => boolean;

/** A filter by its name. */
export function filterOf(name: string): Filter {
  if (Object.hasOwn(filters, name)) return filters[name]!;
  throw new TemplateProblem("template-unsupported", `the filter \`${name}\` is not supported`);
}

/** A test (`is …`) by its name. */
export function testOf(name: string): Test {
  if (Object.hasOwn(tests, name)) return tests[name]!;
  throw new TemplateProblem("template-unsupported", `the test \`${name}\` is not supported`);
}

function flag(args: Arguments, index: number, name: string): boolean {
  return truthy(argument(args, index, name) ?? false);
}

/** `a.b.0` inside a value. What is missing is `otherwise`, or an error when more is asked of it. */
function attribute(value: Value, path: Value, otherwise?: Value): Value {
  let current = value;
  for (const part of str(path).split(".")) {
    if (current instanceof Undefined) throw failed(`'${current.hint}' is undefined`);
    const found = isMap(current)
      ? current.get(part)
      : current instanceof Namespace
        ? current.fields.get(part)
        : /^\d+$/.test(part)
          ? iterate(current)[Number(part)]
          : undefined;
    current = or(found, or(otherwise, new Undefined(part)));
  }
  return current;
}

/** The key by which `sort`, `unique`, `min`, `max` and `groupby` compare: text without regard to case, unless asked. */
function keyed(
  args: Arguments,
  at: { readonly caseSensitive: number; readonly attribute: number },
): (item: Value) => Value {
  const path = argument(args, at.attribute, "attribute");
  const exact = flag(args, at.caseSensitive, "case_sensitive");
  return (item) => {
    const key = path === undefined || path === null ? item : attribute(item, path);
    return !exact && typeof key === "string" ? key.toLowerCase() : key;
  };
}

function sorted(items: readonly Value[], key: (item: Value) => Value, reverse: boolean): Value[] {
  const direction = reverse ? -1 : 1;
  return [...items].sort((a, b) => direction * compare(key(a), key(b)));
}

function extreme(value: Value, args: Arguments, direction: 1 | -1): Value {
  const items = iterate(value);
  if (items.length === 0) return new Undefined("No aggregated item, sequence was empty.");
  const key = keyed(args, { caseSensitive: 0, attribute: 1 });
  return items.reduce((best, item) => (direction * compare(key(item), key(best)) > 0 ? item : best));
}

/** `select`, `reject`: by a test, or by truth. */
function chosen(value: Value, args: Arguments, want: boolean): Value[] {
  const [name, ...rest] = args.positional;
  const test: Test = name === undefined ? truthy : testOf(str(name));
  return iterate(value).filter((item) => test(item, { positional: rest, named: args.named }) === want);
}

function chosenByAttribute(value: Value, args: Arguments, want: boolean): Value[] {
  const [path = "", name, ...rest] = args.positional;
  const test: Test = name === undefined ? truthy : testOf(str(name));
  return iterate(value).filter((item) => test(attribute(item, path), { positional: rest, named: args.named }) === want);
}

function mapped(value: Value, args: Arguments): Value[] {
  const path = args.named.get("attribute");
  if (path !== undefined) {
    return iterate(value).map((item) => attribute(item, path, args.named.get("default")));
  }
  const [name, ...rest] = args.positional;
  if (name === undefined) throw failed("map requires a filter argument");
  const filter = filterOf(str(name));
  return iterate(value).map((item) => filter(item, { positional: rest, named: args.named }));
}

function toInt(value: Value, otherwise: Value): Value {
  const amount = numeric(value);
  if (amount !== undefined) return Math.trunc(amount);
  const text =
    typeof value === "string" ? strip(value, undefined, { left: true, right: true }).replaceAll("_", "") : "";
  return /^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text) ? Math.trunc(Number(text)) : otherwise;
}

function toFloat(value: Value, otherwise: Value): Value {
  const amount = numeric(value) ?? (typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN);
  return Number.isNaN(amount) ? otherwise : new Float(amount);
}

function round(value: Value, args: Arguments): Value {
  const amount = numeric(value);
  if (amount === undefined) throw failed(`type ${typeName(value)} doesn't define __round__ method`);
  const scale = 10 ** (numeric(argument(args, 0, "precision") ?? 0) ?? 0);
  const method = str(argument(args, 1, "method") ?? "common");
  const scaled = amount * scale;
  if (method === "ceil") return new Float(Math.ceil(scaled) / scale);
  if (method === "floor") return new Float(Math.floor(scaled) / scale);
  // Python rounds a tie to the even neighbour.
  const down = Math.floor(scaled);
  const nearest = scaled - down === 0.5 ? down + (down % 2 === 0 ? 0 : 1) : Math.round(scaled);
  return new Float(nearest / scale);
}

function indent(value: Value, args: Arguments): string {
  const width = argument(args, 0, "width") ?? 4;
  const mark = typeof width === "string" ? width : " ".repeat(Math.min(numeric(width) ?? 4, 1000));
  const [first, blank] = [flag(args, 1, "first"), flag(args, 2, "blank")];
  const lines = str(value).split(/\r\n|\n|\r/);
  return lines
    .map((line, at) => ((at === 0 && !first) || (at > 0 && line === "" && !blank) ? line : mark + line))
    .join("\n");
}

function escapeHtml(value: Value): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&#34;",
    "'": "&#39;",
  };
  return str(value).replace(/[&<>"']/g, (character) => names[character]!);
}

function joined(value: Value, args: Arguments): string {
  const path = argument(args, 1, "attribute");
  const items =
    path === undefined || path === null ? iterate(value) : iterate(value).map((item) => attribute(item, path));
  return items.map(str).join(str(argument(args, 0, "d") ?? ""));
}

function dictsort(value: Value, args: Arguments): Value[] {
  if (!isMap(value)) throw failed(`'${typeName(value)}' object has no attribute 'items'`);
  const at = str(argument(args, 1, "by") ?? "key") === "value" ? 1 : 0;
  const exact = flag(args, 0, "case_sensitive");
  const key = (pair: Value) => {
    const part = (pair as Tuple).items[at]!;
    return !exact && typeof part === "string" ? part.toLowerCase() : part;
  };
  return sorted(
    [...value].map((entry) => new Tuple(entry)),
    key,
    flag(args, 2, "reverse"),
  );
}

function groupBy(value: Value, args: Arguments): Value[] {
  const path = argument(args, 0, "attribute") ?? "";
  const key = keyed(
    { ...args, named: new Map([...args.named, ["attribute", path]]) },
    { caseSensitive: 2, attribute: -1 },
  );
  const groups: Tuple[] = [];
  for (const item of sorted(iterate(value), key, false)) {
    const last = groups.at(-1);
    if (last !== undefined && equal(key(iterate(last.items[1]!)[0]!), key(item))) (last.items[1] as Value[]).push(item);
    else groups.push(new Tuple([attribute(item, path), [item]]));
  }
  return groups;
}

function batch(value: Value, args: Arguments): Value[] {
  const size = numeric(argument(args, 0, "linecount") ?? 1) ?? 1;
  const fill = argument(args, 1, "fill_with");
  const rows: Value[][] = [];
  for (const item of iterate(value)) {
    if (rows.length === 0 || rows.at(-1)!.length === size) rows.push([]);
    rows.at(-1)!.push(item);
  }
  while (fill !== undefined && fill !== null && rows.length > 0 && rows.at(-1)!.length < size) rows.at(-1)!.push(fill);
  return rows;
}

function unique(value: Value, args: Arguments): Value[] {
  const key = keyed(args, { caseSensitive: 0, attribute: 1 });
  const seen: Value[] = [];
  return iterate(value).filter((item) => {
    if (seen.some((other) => equal(other, key(item)))) return false;
    seen.push(key(item));
    return true;
  });
}

function sum(value: Value, args: Arguments): Value {
  const path = argument(args, 0, "attribute");
  const start = argument(args, 1, "start") ?? 0;
  const items = iterate(value).map((item) => (path === undefined || path === null ? item : attribute(item, path)));
  const all = [start, ...items];
  const total = all.reduce<number>((running, item) => {
    const amount = numeric(item);
    if (amount === undefined) throw failed(`unsupported operand type(s) for +: 'int' and '${typeName(item)}'`);
    return running + amount;
  }, 0);
  return all.some((item) => item instanceof Float) ? new Float(total) : total;
}

function truncate(value: Value, args: Arguments): string {
  const length = numeric(argument(args, 0, "length") ?? 255) ?? 255;
  const end = str(argument(args, 2, "end") ?? "...");
  const leeway = numeric(argument(args, 3, "leeway") ?? 5) ?? 5;
  const letters = Array.from(str(value));
  if (letters.length <= length + leeway) return letters.join("");
  const cut = letters.slice(0, length - Array.from(end).length).join("");
  const space = cut.lastIndexOf(" ");
  return (flag(args, 1, "killwords") || space < 0 ? cut : cut.slice(0, space)) + end;
}

function orDefault(value: Value, args: Arguments): Value {
  const missing = value instanceof Undefined || (flag(args, 1, "boolean") && !truthy(value));
  return missing ? or(argument(args, 0, "default_value"), "") : value;
}

function json(value: Value, args: Arguments): string {
  return toJson(value, {
    ensureAscii: argument(args, 0, "ensure_ascii") ?? false,
    indent: argument(args, 1, "indent") ?? null,
    separators: argument(args, 2, "separators") ?? null,
    sortKeys: argument(args, 3, "sort_keys") ?? false,
  });
}

function reversed(value: Value): Value {
  return typeof value === "string" ? Array.from(value).reverse().join("") : [...iterate(value)].reverse();
}

const filters: Readonly<Record<string, Filter>> = {
  abs: (value) => {
    const amount = Math.abs(numeric(value) ?? Number.NaN);
    if (Number.isNaN(amount)) throw failed(`bad operand type for abs(): '${typeName(value)}'`);
    return value instanceof Float ? new Float(amount) : amount;
  },
  attr: (value, args) => attribute(value, argument(args, 0, "name") ?? ""),
  batch,
  capitalize: (value) => capitalize(str(value)),
  center: (value, args) => methodOf(str(value), "center")!({ ...args, positional: [argument(args, 0, "width") ?? 80] }),
  count: (value) => lengthOf(value),
  d: orDefault,
  default: orDefault,
  dictsort,
  e: escapeHtml,
  escape: escapeHtml,
  first: (value) => or(iterate(value)[0], new Undefined("No first item, sequence was empty.")),
  float: (value, args) => toFloat(value, argument(args, 0, "default") ?? new Float(0)),
  format: (value, { positional, named }) => printf(str(value), named.size > 0 ? named : new Tuple(positional)),
  groupby: groupBy,
  indent,
  int: (value, args) => toInt(value, argument(args, 0, "default") ?? 0),
  items: (value) => {
    if (value instanceof Undefined) return [];
    if (!isMap(value)) throw failed("Can only get item pairs from a mapping.");
    return [...value].map((entry) => new Tuple(entry));
  },
  join: joined,
  last: (value) => or(iterate(value).at(-1), new Undefined("No last item, sequence was empty.")),
  length: (value) => lengthOf(value),
  list: (value) => [...iterate(value)],
  lower: (value) => str(value).toLowerCase(),
  map: mapped,
  max: (value, args) => extreme(value, args, 1),
  min: (value, args) => extreme(value, args, -1),
  reject: (value, args) => chosen(value, args, false),
  rejectattr: (value, args) => chosenByAttribute(value, args, false),
  replace: (value, args) => {
    const [old = "", replacement = ""] = args.positional;
    return replace(str(value), str(old), str(replacement), numeric(argument(args, 2, "count") ?? null) ?? -1);
  },
  reverse: reversed,
  round,
  safe: (value) => value,
  select: (value, args) => chosen(value, args, true),
  selectattr: (value, args) => chosenByAttribute(value, args, true),
  sort: (value, args) =>
    sorted(iterate(value), keyed(args, { caseSensitive: 1, attribute: 2 }), flag(args, 0, "reverse")),
  string: (value) => str(value),
  sum,
  title: (value) =>
    str(value)
      .split(/([-\s({[<]+)/)
      .map((part) => capitalize(part))
      .join(""),
  tojson: json,
  trim: (value, args) => {
    const characters = argument(args, 0, "chars");
    return strip(str(value), typeof characters === "string" ? characters : undefined, { left: true, right: true });
  },
  truncate,
  unique,
  upper: (value) => str(value).toUpperCase(),
  urlencode: (value) =>
    encodeURIComponent(str(value))
      .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll("%2F", "/"),
  wordcount: (value) => (str(value).match(/[\p{L}\p{N}_]+/gu) ?? []).length,
};

function ordered(accept: (order: number) => boolean): Test {
  return (value, { positional: [other = null] }) => accept(compare(value, other));
}

const isEqual: Test = (value, { positional: [other = null] }) => equal(value, other);

/** `value in container` */
export function contained(value: Value, container: Value): boolean {
  if (typeof container === "string") {
    if (typeof value !== "string")
      throw failed(`'in <string>' requires string as left operand, not ${typeName(value)}`);
    return container.includes(value);
  }
  if (isMap(container)) return typeof value === "string" && container.has(value);
  return iterate(container).some((item) => equal(item, value));
}

function even(value: Value): boolean {
  const amount = numeric(value);
  if (amount === undefined) throw failed(`not all arguments converted: '${typeName(value)}' is not a number`);
  return amount % 2 === 0;
}

const tests: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === "boolean",
  callable: (value) => typeof value === "function",
  defined: (value) => !(value instanceof Undefined),
  divisibleby: (value, { positional: [other = null] }) =>
    (numeric(value) ?? Number.NaN) % (numeric(other) ?? Number.NaN) === 0,
  eq: isEqual,
  equalto: isEqual,
  even,
  false: (value) => value === false,
  filter: (value) => Object.hasOwn(filters, str(value)),
  float: (value) => value instanceof Float,
  ge: ordered((order) => order >= 0),
  greaterthan: ordered((order) => order > 0),
  gt: ordered((order) => order > 0),
  in: (value, { positional: [container = null] }) => contained(value, container),
  integer: (value) => typeof value === "number",
  iterable: (value) =>
    typeof value === "string" || isMap(value) || value instanceof Undefined || sequence(value) !== undefined,
  le: ordered((order) => order <= 0),
  lessthan: ordered((order) => order < 0),
  lower: (value) => str(value) === str(value).toLowerCase() && str(value) !== str(value).toUpperCase(),
  lt: ordered((order) => order < 0),
  mapping: (value) => isMap(value),
  ne: (value, { positional: [other = null] }) => !equal(value, other),
  none: (value) => value === null,
  number: (value) => numeric(value) !== undefined,
  odd: (value) => !even(value),
  sameas: (value, { positional: [other = null] }) => value === other,
  sequence: (value) =>
    typeof value === "string" || isMap(value) || isList(value) || value instanceof Tuple || value instanceof Undefined,
  string: (value) => typeof value === "string",
  test: (value) => Object.hasOwn(tests, str(value)),
  true: (value) => value === true,
  undefined: (value) => value instanceof Undefined,
  upper: (value) => str(value) === str(value).toUpperCase() && str(value) !== str(value).toLowerCase(),
};
