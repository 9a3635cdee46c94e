/** Closed unions of the chain: calls, events, errors and what they hold. */
import { MalformedBytes } from "./bytes.ts";
import { describeField, type FieldValues, nameIn, type ScaleType, type ValueOf } from "./type.ts";

/** A case: its index on the wire, and its fields by name, in order without names, or none. */
export interface Variant<V> {
  readonly index: number;
  readonly fields: readonly (readonly [name: string | undefined, type: ScaleType<unknown>])[];
  /** Only for the type checker: the value that this case carries. */
  readonly carries?: V;
}

type Variants = Readonly<Record<string, Variant<unknown>>>;
type Carried<V> = V extends Variant<infer T> ? T : never;
export type VariantValue<V> = {
  readonly [K in keyof V & string]: { readonly type: K; readonly value: Carried<V[K]> };
}[keyof V & string];

/** A case without fields; its value is null. */
export function bare(index: number): Variant<null> {
  return { index, fields: [] };
}

/** A case with named fields; its value is an object. */
export function named<const F extends Readonly<Record<string, unknown>>>(
  index: number,
  fields: F & Readonly<Record<string, ScaleType<unknown>>>,
): Variant<FieldValues<F>> {
  return { index, fields: Object.entries<ScaleType<unknown>>(fields) };
}

/** A case with one unnamed field; its value is the field's. */
export function single<T>(index: number, field: ScaleType<T>): Variant<T> {
  return { index, fields: [[undefined, field]] };
}

/** A case with several unnamed fields; its value is an array. */
export function unnamed<const T extends readonly unknown[]>(
  index: number,
  ...fields: T & readonly ScaleType<unknown>[]
): Variant<{ readonly [K in keyof T]: ValueOf<T[K]> }> {
  return { index, fields: fields.map((field: ScaleType<unknown>) => [undefined, field] as const) };
}

/** A closed union under its Rust path. An index that no case has does not decode. */
export function variants<const V extends Variants>(path: string, cases: V): ScaleType<VariantValue<V>> {
  const byIndex = new Map(Object.entries(cases).map(([name, variant]) => [variant.index, [name, variant] as const]));
  return {
    name: nameIn(path),
    encode: ({ type, value }, to) => {
      const { index, fields } = cases[type]!;
      to.u8(index);
      if (fields.length === 0) return;
      if (fields[0]![0] !== undefined) {
        for (const [name, field] of fields) field.encode((value as Record<string, unknown>)[name!], to);
      } else if (fields.length === 1) fields[0]![1].encode(value, to);
      else for (const [at, [, field]] of fields.entries()) field.encode((value as readonly unknown[])[at], to);
    },
    decode: (from) => {
      const index = from.u8();
      const found = byIndex.get(index);
      if (found === undefined) throw new MalformedBytes(`${path} has no variant ${index}`);
      const [type, { fields }] = found;
      return { type, value: decodeFields(fields, from) } as VariantValue<V>;
    },
    describe: (table) => ({
      path: path.split("::"),
      def: {
        type: "Variant",
        value: [...byIndex.values()].map(([name, { index, fields }]) => ({
          name,
          index,
          fields: fields.map(([fieldName, field]) => describeField(table, field, fieldName)),
        })),
      },
    }),
  };
}

function decodeFields(fields: Variant<unknown>["fields"], from: Parameters<ScaleType<unknown>["decode"]>[0]): unknown {
  if (fields.length === 0) return null;
  if (fields[0]![0] !== undefined) {
    const value: Record<string, unknown> = {};
    for (const [name, field] of fields) value[name!] = field.decode(from);
    return value;
  }
  if (fields.length === 1) return fields[0]![1].decode(from);
  return fields.map(([, field]) => field.decode(from));
}
