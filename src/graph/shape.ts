/**
 * The type and shape of every operation's result, one rule an operation.
 *
 * A size is a number or a symbol. Two sizes are the same only when they are written the same: a symbol never equals a
 * number, and 1 broadcasts against both. This refuses some graphs that would run, and never accepts one that cannot.
 */
import { assert } from "../base/assert.ts";
import type { Dim, Dtype, Op, OpKind, OpOf, Reduction, Shape } from "./op.ts";

export interface TensorType {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/** Infers the result of `op`; inputs that do not fit are an assertion that names the operation and the shapes. */
export function inferType(op: Op, inputs: readonly TensorType[]): TensorType {
  const rule = rules[op.kind] as (op: Op, inputs: readonly TensorType[]) => TensorType;
  try {
    return rule(op, inputs);
  } catch (error) {
    const types = inputs.map(({ dtype, shape }) => `${dtype}[${shape.join(", ")}]`).join(", ");
    throw new Error(`${op.kind}(${types}): ${(error as Error).message}`);
  }
}

type Rule<K extends OpKind> = (op: OpOf<K>, inputs: readonly TensorType[]) => TensorType;

type Inputs = readonly TensorType[];

const same = (_: unknown, [x]: Inputs): TensorType => x!;
const elementwise = (_: unknown, [a, b]: Inputs): TensorType => {
  assert(a!.dtype === b!.dtype, "operands of two types");
  return { dtype: a!.dtype, shape: broadcast(a!.shape, b!.shape) };
};
const comparison = (_: unknown, [a, b]: Inputs): TensorType => {
  assert(a!.dtype === b!.dtype, "operands of two types");
  return { dtype: "bool", shape: broadcast(a!.shape, b!.shape) };
};
const reduction = ({ axes }: Reduction, [x]: Inputs): TensorType => {
  for (const axis of axes) axisOf(x!.shape, axis);
  return { dtype: x!.dtype, shape: x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) };
};
const norm = (_: unknown, [x, ...weights]: Inputs): TensorType => {
  const size = x!.shape.at(-1);
  for (const weight of weights)
    assert(weight.shape.length === 1 && weight.shape[0] === size, "weight is not [last axis]");
  return x!;
};

const rules: { readonly [K in OpKind]: Rule<K> } = {
  Input: (op) => op,
  Parameter: (op) => op,
  Constant: (op) => {
    assert(op.values.length === sizeOf(op.shape), "number of values is not the product of the shape");
    return op;
  },
  Iota: ({ length }) => ({ dtype: "i64", shape: [length] }),
  Neg: same,
  Abs: same,
  Sign: same,
  Exp: same,
  Log: same,
  Sqrt: same,
  Reciprocal: same,
  Tanh: same,
  Sigmoid: same,
  Erf: same,
  Relu: same,
  Softplus: same,
  Not: same,
  Gelu: same,
  Silu: same,
  Softmax: ({ axis }, [x]) => {
    axisOf(x!.shape, axis);
    return x!;
  },
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  Min: elementwise,
  Max: elementwise,
  And: elementwise,
  Or: elementwise,
  Less: comparison,
  LessOrEqual: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Equal: comparison,
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceLogSumExp: reduction,
  RmsNorm: norm,
  LayerNorm: norm,
  Where: (_, [condition, a, b]) => {
    assert(condition!.dtype === "bool" && a!.dtype === b!.dtype, "types are not (bool, T, T)");
    return { dtype: a!.dtype, shape: broadcast(condition!.shape, broadcast(a!.shape, b!.shape)) };
  },
  Cast: ({ to }, [x]) => ({ dtype: to, shape: x!.shape }),
  MatMul: (_, [a, b]) => {
    assert(a!.shape.length >= 2 && b!.shape.length >= 2, "operands of less than two axes");
    assert(a!.shape.at(-1) === b!.shape.at(-2), "inner sizes differ");
    const leading = broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return { dtype: a!.dtype, shape: [...leading, a!.shape.at(-2)!, b!.shape.at(-1)!] };
  },
  Gemm: ({ transA, transB }, [a, b, c]) => {
    assert(a!.shape.length === 2 && b!.shape.length === 2, "operands are not matrices");
    const [m, k] = transA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    const [l, n] = transB ? [b!.shape[1]!, b!.shape[0]!] : [b!.shape[0]!, b!.shape[1]!];
    assert(k === l, "inner sizes differ");
    if (c !== undefined) broadcast(c.shape, [m, n]);
    return { dtype: a!.dtype, shape: [m, n] };
  },
  Transpose: ({ permutation }, [x]) => {
    assert(permutation.length === x!.shape.length, "permutation of another rank");
    return { dtype: x!.dtype, shape: permutation.map((axis) => axisOf(x!.shape, axis)) };
  },
  Reshape: ({ shape }, [x]) => {
    const before = sizeOf(x!.shape);
    const after = sizeOf(shape);
    assert(before === undefined || after === undefined || before === after, `cannot become [${shape.join(", ")}]`);
    return { dtype: x!.dtype, shape };
  },
  Expand: ({ shape }, [x]) => {
    assert(equal(broadcast(x!.shape, shape), shape), `cannot be expanded to [${shape.join(", ")}]`);
    return { dtype: x!.dtype, shape };
  },
  Concat: ({ axis }, parts) => {
    const sizes = parts.map(({ shape }) => axisOf(shape, axis));
    const size = sizes.every((part) => typeof part === "number")
      ? sizes.reduce((sum: number, part) => sum + (part as number), 0)
      : sizes.join("+");
    const shape = parts[0]!.shape.with(axis, size);
    for (const part of parts) assert(equal(part.shape.with(axis, size), shape), "parts differ beside the axis");
    return { dtype: parts[0]!.dtype, shape };
  },
  Slice: ({ axis, start, end, step }, [x]) => {
    const size = axisOf(x!.shape, axis);
    if (typeof end === "string") {
      assert(end === size && start === 0 && step === 1, "a symbolic slice must take all");
      return x!;
    }
    assert(start >= 0 && step >= 1 && end >= start && (typeof size === "string" || end <= size), "out of range");
    return { dtype: x!.dtype, shape: x!.shape.with(axis, Math.ceil((end - start) / step)) };
  },
  Gather: ({ axis }, [data, indices]) => {
    axisOf(data!.shape, axis);
    return {
      dtype: data!.dtype,
      shape: [...data!.shape.slice(0, axis), ...indices!.shape, ...data!.shape.slice(axis + 1)],
    };
  },
  GatherElements: ({ axis }, [data, indices]) => {
    assert(data!.shape.length === indices!.shape.length && indices!.dtype === "i64", "indices of another rank or type");
    axisOf(data!.shape, axis);
    return { dtype: data!.dtype, shape: indices!.shape };
  },
  ScatterAddElements: ({ axis }, [data, indices, updates]) => {
    axisOf(data!.shape, axis);
    assert(equal(indices!.shape, updates!.shape), "indices and updates differ");
    return data!;
  },
  ScatterAddRows: (_, [data, rows, updates]) => {
    assert(equal(updates!.shape, [...rows!.shape, ...data!.shape.slice(1)]), "updates are not [rows, …]");
    return data!;
  },
  TakeBlock: ({ axis, index }, [x, ...places]) => {
    axisOf(x!.shape, axis);
    return { dtype: x!.dtype, shape: x!.shape.with(axis, sizeOfBlock(places[index])) };
  },
  JoinBlocks: ({ axis, size }, inputs) => {
    const [blocks, places] = [inputs.slice(0, inputs.length / 2), inputs.slice(inputs.length / 2)];
    const { dtype, shape } = blocks[0]!;
    for (const [index, block] of blocks.entries())
      assert(equal(block.shape, shape.with(axis, sizeOfBlock(places[index]))), "a block is not of its places' size");
    return { dtype, shape: shape.with(axis, size) };
  },
  TopKIndices: ({ k }, [x]) => {
    const last = x!.shape.length - 1;
    const size = axisOf(x!.shape, last);
    assert(typeof size === "string" || k <= size, "fewer than k");
    return { dtype: "i64", shape: x!.shape.with(last, k) };
  },
  NonZeroRows: ({ count }, [x]) => {
    assert(x!.dtype === "bool" && x!.shape.length === 1, "not a bool vector");
    return { dtype: "i64", shape: [count] };
  },
  Rotary: ({ heads, rotated }, [x, positions, cos, sin]) => {
    const last = x!.shape.at(-1);
    assert(
      x!.shape.length === 3 && typeof last === "number" && last % heads === 0,
      "not [batch, tokens, heads · size]",
    );
    assert(positions!.shape.length === 2, "a position of each token");
    assert(rotated % 2 === 0 && rotated * heads <= last, "rotates more than a head");
    for (const table of [cos!, sin!])
      assert(table.shape.length === 2 && table.shape[1] === rotated / 2, "table's width");
    return x!;
  },
  Attention: (op, [query, key, value, lengths, total]) => {
    assert(query!.shape.length === 3 && query!.shape[2] === op.heads * op.headSize, "query's last axis");
    for (const part of [key!, value!]) assert(part.shape[2] === op.kvHeads * op.headSize, "key's or value's last axis");
    assert(op.heads % op.kvHeads === 0, "heads are no multiple of key/value heads");
    assert(lengths!.dtype === "i32" && total!.dtype === "i32", "lengths are not i32");
    return query!;
  },
};

/** NumPy's broadcasting over numbers and symbols. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    assert(left === right || left === 1 || right === 1, `[${a.join(", ")}] does not broadcast with [${b.join(", ")}]`);
    return left === 1 ? right : left;
  });
}

/** The number of elements, or undefined where a size is symbolic. */
export function sizeOf(shape: Shape): number | undefined {
  return shape.every((size) => typeof size === "number")
    ? shape.reduce((product: number, size) => product * (size as number), 1)
    : undefined;
}

/** One axis for several: their product, or its name where a size is symbolic. */
export function productOf(shape: Shape): Dim {
  return sizeOf(shape) ?? shape.join("*");
}

function equal(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function sizeOfBlock(places: TensorType | undefined): Dim {
  assert(places?.dtype === "i64" && places.shape.length === 1, "places are not an i64 vector for every block");
  return places.shape[0]!;
}

function axisOf(shape: Shape, axis: number): Dim {
  const size = shape[axis];
  assert(Number.isInteger(axis) && size !== undefined, `no axis ${axis}`);
  return size;
}
