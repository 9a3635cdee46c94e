/** How runtime APIs are written down: inputs and output for the metadata, and what answers them. */

import type { Fields, FieldValues, ScaleType } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import type { RuntimeVersion } from "../types/substrate.ts";

/** What some APIs say of the node itself. */
export interface Node {
  readonly metadata: { readonly v14: Uint8Array; readonly v15: Uint8Array };
  readonly version: RuntimeVersion;
  readonly blockMs: number;
}

/** What an API reads: the state of a block. */
export interface ApiContext {
  readonly state: StateView;
  readonly block: number;
  readonly node: Node;
}

export interface ApiMethod {
  readonly inputs: Readonly<Record<string, ScaleType<unknown>>>;
  readonly output: ScaleType<unknown>;
  readonly answer: (context: ApiContext, inputs: never) => unknown;
}

export type ApiTable = Readonly<Record<string, Readonly<Record<string, ApiMethod>>>>;

/** One method of a runtime API. */
export function method<const I extends Fields, O>(
  inputs: I,
  output: ScaleType<O>,
  answer: (context: ApiContext, inputs: FieldValues<I>) => O,
): ApiMethod {
  return { inputs, output, answer: answer as ApiMethod["answer"] };
}
