/** A node is one value: an operation, the values it reads, and the type and shape that follow from them. */
import type { Dtype, Op, Shape } from "./op.ts";
import { inferType } from "./shape.ts";

export interface Node {
  readonly op: Op;
  readonly inputs: readonly Node[];
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/**
 * Makes a node; its type and shape are inferred, and inputs that do not fit are an assertion that names the operation.
 * Nodes are values: they are frozen, hold no name of their own, and the same node may be read by many.
 */
export function createNode(op: Op, inputs: readonly Node[] = []): Node {
  const { dtype, shape } = inferType(op, inputs);
  return Object.freeze({
    op: Object.freeze(op),
    inputs: Object.freeze([...inputs]),
    dtype,
    shape: Object.freeze(shape),
  });
}
