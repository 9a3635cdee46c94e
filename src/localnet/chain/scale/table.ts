/** The numbered types of the metadata: each type that is reached from a call, an entry or an event gets a number once. */
import type { ScaleReader, ScaleWriter } from "./bytes.ts";

/** A type of values: their bytes, and its own description. See `type.ts`. */
export interface ScaleType<T> {
  // Methods and not properties: their bivariance lets a table hold types of different values as ScaleType<unknown>.
  encode(value: T, to: ScaleWriter): void;
  decode(from: ScaleReader): T;
  /** What the metadata says of this type; inner types are named by the number that the table gives them. */
  describe(table: TypeTable): Description;
  /** The type's name in the field that holds it, as Rust writes it. */
  readonly name: string;
}

export interface Field {
  readonly name?: string;
  readonly type: number;
  readonly typeName?: string;
}

interface VariantDescription {
  readonly name: string;
  readonly index: number;
  readonly fields: readonly Field[];
}

export type PrimitiveName = "Bool" | "Str" | "U8" | "U16" | "U32" | "U64" | "U128" | "I16" | "I64" | "I128";

export type TypeDefinition =
  | { readonly type: "Primitive"; readonly value: PrimitiveName }
  | { readonly type: "Compact" | "Sequence"; readonly value: number }
  | { readonly type: "Array"; readonly value: { readonly len: number; readonly type: number } }
  | { readonly type: "Tuple"; readonly value: readonly number[] }
  | { readonly type: "Composite"; readonly value: readonly Field[] }
  | { readonly type: "Variant"; readonly value: readonly VariantDescription[] };

/** A type as the metadata describes it. */
export interface Description {
  readonly path: readonly string[];
  /** Generic parameters; null where the metadata leaves one open. */
  readonly params?: readonly (readonly [string, number | null])[];
  readonly def: TypeDefinition;
}

export class TypeTable {
  private readonly ids = new Map<object, number>();
  private readonly descriptions: Description[] = [];

  /** The number of a type. It is given before the type is described, since a call may hold calls. */
  idOf(type: ScaleType<unknown>): number {
    const known = this.ids.get(type);
    if (known !== undefined) return known;
    const id = this.ids.size;
    this.ids.set(type, id);
    this.descriptions[id] = type.describe(this);
    return id;
  }

  all(): readonly Description[] {
    return this.descriptions;
  }
}
