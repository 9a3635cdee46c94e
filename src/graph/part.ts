/**
 * A part of a value, computed without the rest of it: columns of a product need those columns of the matrix only.
 */
import { slice } from "./expression.ts";
import { createNode, type Node } from "./node.ts";
import { binaryKinds, comparisonKinds, type OpKind, unaryKinds } from "./op.ts";

/** Kinds whose result at a place depends on their inputs at that place alone, with NumPy's broadcasting. */
const elementwise: ReadonlySet<OpKind> = new Set<OpKind>([
  ...unaryKinds,
  ...binaryKinds,
  ...comparisonKinds,
  "Where",
  "Cast",
  "Gelu",
  "Silu",
]);

/** Elements start … end − 1 of `x` along an axis of known size. What cannot be computed in part is sliced. */
export function part(x: Node, axis: number, start: number, end: number): Node {
  if (start === 0 && end === x.shape[axis]) return x;
  const { op, inputs } = x;
  if (elementwise.has(op.kind))
    return createNode(
      op,
      inputs.map((input) => partOfOperand(x, input, axis, start, end)),
    );
  if (op.kind === "Gemm" && axis === 1) {
    const [a, b, bias] = inputs as [Node, Node, Node?];
    const columns = part(b, op.transB ? 0 : 1, start, end);
    return createNode(op, bias === undefined ? [a, columns] : [a, columns, partOfOperand(x, bias, axis, start, end)]);
  }
  return slice(x, axis, start, end);
}

/** Axes of an operand are counted from the last, and one of size 1 (or none) serves every element. */
function partOfOperand(result: Node, operand: Node, axis: number, start: number, end: number): Node {
  const own = axis - (result.shape.length - operand.shape.length);
  return own < 0 || operand.shape[own] === 1 ? operand : part(operand, own, start, end);
}
