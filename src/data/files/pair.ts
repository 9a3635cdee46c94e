/** Rows that are a context and what should follow it, or a text alone. */
import { type Invalid, invalid } from "../../base/invalid.ts";

export interface TextPair {
  /** Empty where the row is a text alone. */
  readonly context: string;
  readonly reference: string;
}

export interface PairFields {
  readonly contextField: string | null;
  readonly referenceField: string;
}

export interface DrawnPairs {
  readonly pairs: readonly TextPair[];
  /** The numbers of the rows, from 1 where they are lines. */
  readonly places: readonly number[];
}

/** The pair of a row; `where` is the row's place for the sentence. */
export function readPair(
  row: Readonly<Record<string, unknown>>,
  { contextField, referenceField }: PairFields,
  where: string,
): TextPair | Invalid {
  const reference = Object.hasOwn(row, referenceField) ? row[referenceField] : undefined;
  if (typeof reference !== "string") return invalid("wrong-field", `${where}: ${referenceField} is not a text.`);
  if (contextField === null) return { context: "", reference };
  const context = Object.hasOwn(row, contextField) ? row[contextField] : undefined;
  if (typeof context !== "string") return invalid("wrong-field", `${where}: ${contextField} is not a text.`);
  return { context, reference };
}
