/** Python's `"…" % values`, which is also Jinja's `format` filter. */
import { failed, isMap, numeric, repr, str, Tuple, typeName, type Value } from "./values.ts";

const conversion =
  /%(?:\((?<key>[^)]*)\))?(?<flags>[-+ 0#]*)(?<width>\*|\d+)?(?:\.(?<precision>\*|\d+))?[hlL]?(?<type>.)/gsu;
/** A width or precision is how a short template would ask for a text of any length. */
const widthMax = 10_000;

/** @param values a Tuple holds one value for each conversion, a dict is read by `%(key)s`, anything else is one value */
export function printf(format: string, values: Value): string {
  const given = values instanceof Tuple ? values.items : [values];
  let used = 0;
  const next = (): Value => {
    if (used >= given.length) throw failed("not enough arguments for format string");
    return given[used++]!;
  };
  const text = format.replace(conversion, (...match) => {
    const { key, flags, width, precision, type } = match.at(-1) as Record<string, string | undefined>;
    if (type === "%") return "%";
    const wide = width === "*" ? count(next()) : Number(width ?? 0);
    const exact = precision === "*" ? count(next()) : precision === undefined ? undefined : Number(precision);
    if (wide > widthMax || (exact ?? 0) > widthMax) throw failed("a width or precision is too large");
    const value = key === undefined ? next() : lookUp(values, key);
    return pad(convert(value, { type: type!, flags: flags!, precision: exact }), {
      flags: flags!,
      width: wide,
      type: type!,
    });
  });
  if (used < given.length && !isMap(values)) throw failed("not all arguments converted during string formatting");
  return text;
}

function count(value: Value): number {
  const found = numeric(value);
  if (found === undefined) throw failed("* wants int");
  return found;
}

function lookUp(values: Value, key: string): Value {
  if (!isMap(values)) throw failed("format requires a mapping");
  const value = values.get(key);
  if (value === undefined) throw failed(`'${key}'`);
  return value;
}

interface Conversion {
  readonly type: string;
  readonly flags: string;
  readonly precision: number | undefined;
}

function convert(value: Value, { type, flags, precision }: Conversion): string {
  if (type === "s" || type === "r" || type === "a") {
    const text = type === "s" ? str(value) : repr(value);
    return precision === undefined ? text : Array.from(text).slice(0, precision).join("");
  }
  if (type === "c") return typeof value === "number" ? String.fromCodePoint(value) : str(value);
  const amount = numeric(value);
  if (amount === undefined) throw failed(`%${type} format: a real number is required, not ${typeName(value)}`);
  const digits = digitsOf(Math.abs(amount), { type, flags, precision });
  const negative = amount < 0 || Object.is(amount, -0);
  const sign = negative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return sign + digits;
}

function digitsOf(amount: number, { type, flags, precision }: Conversion): string {
  const prefix = (mark: string) => (flags.includes("#") ? mark : "");
  const whole = (base: number) =>
    Math.trunc(amount)
      .toString(base)
      .padStart(precision ?? 0, "0");
  switch (type) {
    case "d":
    case "i":
    case "u":
      return whole(10);
    case "x":
      return prefix("0x") + whole(16);
    case "X":
      return prefix("0X") + whole(16).toUpperCase();
    case "o":
      return prefix("0o") + whole(8);
    case "f":
    case "F":
      return amount.toFixed(Math.min(precision ?? 6, 100));
    case "e":
    case "E":
      return cased(exponential(amount, Math.min(precision ?? 6, 100)), type);
    case "g":
    case "G":
      return cased(general(amount, Math.min(Math.max(precision ?? 6, 1), 100)), type);
    default:
      throw failed(`unsupported format character '${type}'`);
  }
}

function cased(text: string, type: string): string {
  return type === type.toUpperCase() ? text.toUpperCase() : text;
}

function exponential(amount: number, precision: number): string {
  return amount.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2");
}

function general(amount: number, precision: number): string {
  const exponent = amount === 0 ? 0 : Number(amount.toExponential(precision - 1).split("e")[1]);
  const small = exponent < -4 || exponent >= precision;
  const text = small ? exponential(amount, precision - 1) : amount.toFixed(precision - 1 - exponent);
  return text.includes(".") ? text.replace(/\.?0+(?=e|$)/, "") : text;
}

function pad(
  text: string,
  { flags, width, type }: { readonly flags: string; readonly width: number; readonly type: string },
): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || "sra".includes(type)) return " ".repeat(missing) + text;
  const sign = /^[-+ ]?/.exec(text)![0];
  return sign + "0".repeat(missing) + text.slice(sign.length);
}
