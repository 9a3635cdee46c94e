/**
 * Gradients of the composites that are not worth taking apart for training: forward they stay one kernel, and backward
 * each is the few operations of its closed form, where the chain of its primitives would keep and read many more tensors.
 */
import { add, div, mul, neg, reduceMean, reduceSum, reshape, rotary, sigmoid, sqrt, sub } from "./expression.ts";
import type { Node } from "./node.ts";
import type { CompositeKind, OpOf } from "./op.ts";

/** The composites that are differentiated as they are. */
export const differentiableComposites = ["RmsNorm", "Silu", "Rotary"] as const satisfies readonly CompositeKind[];
export type DifferentiableComposite = (typeof differentiableComposites)[number];

/** The gradients of a composite's inputs given that of its result, as far as they are needed. */
type Rule<K extends CompositeKind> = (
  g: Node,
  op: OpOf<K>,
  context: { readonly y: Node; readonly inputs: readonly Node[]; readonly needs: (input: Node) => boolean },
) => readonly (Node | undefined)[];

export const compositeRules: { readonly [K in DifferentiableComposite]: Rule<K> } = {
  // With r = (mean x² + ε)^−½ and h = w∘g: dx = r·(h − x·r²·mean(h∘x)), dw = Σ g∘x·r over the rows.
  RmsNorm: (g, { epsilon }, { inputs: [x, weight], needs }) => {
    const last = x!.shape.length - 1;
    const r = div(1, sqrt(add(reduceMean(mul(x!, x!), [last]), epsilon)));
    const h = mul(g, weight!);
    const along = mul(mul(r, r), reduceMean(mul(h, x!), [last]));
    return [
      needs(x!) ? mul(sub(h, mul(x!, along)), r) : undefined,
      needs(weight!) ? sumRows(mul(g, mul(x!, r)), weight!) : undefined,
    ];
  },
  // y = x·σ(s·x): dx = g·σ·(1 + s·x·(1 − σ)) = g·(σ + s·y·(1 − σ)).
  Silu: (g, { scale }, { y, inputs: [x] }) => {
    const gate = sigmoid(scale === 1 ? x! : mul(x!, scale));
    const inner = mul(y, sub(1, gate));
    return [mul(g, add(gate, scale === 1 ? inner : mul(inner, scale)))];
  },
  // A rotation's inverse is its transpose: the same by the negative angle.
  Rotary: (g, { heads, rotated, interleaved }, { inputs: [, positions, cos, sin] }) => [
    rotary(g, { positions: positions!, cos: cos!, sin: neg(sin!) }, { heads, rotated, interleaved }),
  ],
};

/** A gradient of rows summed into the vector that was spread over them. */
function sumRows(g: Node, vector: Node): Node {
  const axes = g.shape.map((_, axis) => axis).slice(0, -1);
  return reshape(reduceSum(g, axes), vector.shape);
}
