/**
 * Encodes a graph as an ONNX model that onnxruntime runs.
 *
 * Parameters are not in it: each is an initializer that points at bytes in the model's own .safetensors file, so a
 * model of any size encodes to a few hundred kilobytes, and the bytes that are computed with are the miner's.
 */
import { assert } from "../base/assert.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import { type AttributeValue, type Call, operators, type Scope, type Written } from "./onnx-operators.ts";
import {
  type AttributeProto,
  elementTypes,
  encodeModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./onnx-schema.ts";
import type { Dim, Dtype, Shape } from "./op.ts";

/** Where a parameter's bytes lie. `location` is relative to the folder that the session is told; sizes in bytes. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** The bytes of a ModelProto. Inputs and outputs keep their names; `locate` is asked once for every part of a parameter that is read. */
export function encode(graph: Graph, locate: (parameter: string) => ExternalData): Uint8Array {
  const writer = new Writer(graph);
  for (const node of parametersFirst(sizesFirst(graph))) writer.write(node, locate);
  for (const [name, node] of Object.entries(graph.outputs)) writer.rename(node, name);
  return encodeModelProto({
    irVersion: 10,
    producerName: "finetune",
    opsetImport: [
      { domain: "", version: 23 },
      { domain: "com.microsoft", version: 1 },
    ],
    graph: {
      name: "graph",
      node: writer.nodes,
      initializer: writer.initializers,
      input: graph.inputs.map(({ op, dtype, shape }) => valueInfo(op.name, dtype, shape)),
      output: Object.entries(graph.outputs).map(([name, { dtype, shape }]) => valueInfo(name, dtype, shape)),
    },
  });
}

/**
 * What is computed from parameters alone stands first, where onnxruntime computes it last. It orders the nodes itself,
 * depth first from the results, and of a node's operands takes the one that stands later in the file first: a widened
 * matrix that stood after the activations it is multiplied with would be made before them, and all matrices of a model
 * before its first layer, instead of each when it is needed.
 */
function parametersFirst(nodes: readonly Node[]): Node[] {
  const fed = new Set<Node>();
  for (const node of nodes) if (isSized(node) || node.inputs.some((input) => fed.has(input))) fed.add(node);
  return [...nodes.filter((node) => !fed.has(node)), ...nodes.filter((node) => fed.has(node))];
}

/**
 * Each node after those that it reads, and after the one whose data decide a size of its: zeros for the rows of an
 * expert read nothing, and need to know how many those are.
 */
function sizesFirst({ nodes }: Graph): Node[] {
  const counts = new Map(nodes.flatMap((node) => (node.op.kind === "NonZeroRows" ? [[node.op.count, node]] : [])));
  const order: Node[] = [];
  const placed = new Set<Node>();
  const place = (node: Node): boolean => {
    const sizes = node.shape.flatMap((size) => (typeof size === "string" ? (counts.get(size) ?? []) : []));
    if (![...node.inputs, ...sizes].every((source) => source === node || placed.has(source))) return false;
    order.push(node);
    placed.add(node);
    return true;
  };
  let waiting: Node[] = [];
  for (const node of nodes) {
    if (!place(node)) waiting.push(node);
    else if (node.op.kind === "NonZeroRows") waiting = waiting.filter((later) => !place(later));
  }
  for (let before = Infinity; waiting.length < before; ) {
    before = waiting.length;
    waiting = waiting.filter((later) => !place(later));
  }
  assert(waiting.length === 0, "a size that is needed before it is known");
  return order;
}

/** Whether it is fed, or of a size that is known only when the graph runs. */
function isSized({ op, shape }: Node): boolean {
  return op.kind === "Input" || shape.some((size) => typeof size === "string");
}

class Writer implements Scope {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  /** The names of each node's results; the first is its value. */
  readonly #names = new Map<Node, readonly string[]>();
  readonly #shared = new Map<string, string>();
  readonly #sources = new Map<string, { readonly node: Node; readonly axis: number }>();
  #count = 0;

  constructor(graph: Graph) {
    for (const node of [...graph.inputs, ...graph.nodes.filter(({ op }) => op.kind === "NonZeroRows")]) {
      node.shape.forEach((size, axis) => {
        if (typeof size === "string" && !this.#sources.has(size)) this.#sources.set(size, { node, axis });
      });
    }
    // Named before anything is written, since a node may ask for a size of an input that it does not read.
    for (const node of graph.inputs) this.#names.set(node, [node.op.name]);
  }

  write(node: Node, locate: (parameter: string) => ExternalData): void {
    const { op } = node;
    // A parameter is written with the first node that reads it: one that is only read in parts is not written whole.
    if (op.kind === "Input" || op.kind === "Parameter") return;
    if (op.kind === "Constant") this.#names.set(node, [this.#constant(op.dtype, op.shape, op.values)]);
    else this.#names.set(node, this.#partOfParameter(node, locate) ?? this.#operation(node, op.kind, locate));
  }

  #operation(node: Node, kind: Written, locate: (parameter: string) => ExternalData): readonly string[] {
    const inputs = node.inputs.map((input) => {
      const known = this.#names.get(input);
      return known ?? [this.#parameter(input, locate, { start: 0, end: input.shape[0] as number })];
    });
    const rule = operators[kind] as (op: unknown, inputs: unknown, node: Node, scope: Scope) => readonly string[];
    return rule(node.op, inputs, node, this);
  }

  /** Consecutive elements of a parameter's first axis lie together in its file: reading them there copies nothing. */
  #partOfParameter({ op, inputs }: Node, locate: (parameter: string) => ExternalData): readonly string[] | undefined {
    if (op.kind !== "Slice" || inputs[0]!.op.kind !== "Parameter") return undefined;
    const { axis, start, end, step } = op;
    if (axis !== 0 || step !== 1 || typeof end === "string") return undefined;
    return [this.#parameter(inputs[0]!, locate, { start, end })];
  }

  /** An initializer for elements start … end − 1 of the first axis of a parameter. */
  #parameter(
    { op, dtype, shape }: Node,
    locate: (parameter: string) => ExternalData,
    { start, end }: { readonly start: number; readonly end: number },
  ): string {
    assert(op.kind === "Parameter", `${op.kind} was read before it was written`);
    const [size = 1, ...rest] = shape as readonly number[];
    const whole = shape.length === 0 || (start === 0 && end === size);
    const name = whole ? op.name : `${op.name}[${start}:${end}]`;
    return this.#once(`parameter ${name}`, () => {
      const { location, offset, length } = locate(op.name);
      const bytes = length / size;
      const range = whole ? { offset, length } : { offset: offset + start * bytes, length: (end - start) * bytes };
      const entries = Object.entries({ location, offset: String(range.offset), length: String(range.length) });
      this.initializers.push({
        name,
        dims: whole ? (shape as readonly number[]) : [end - start, ...rest],
        dataType: elementTypes[dtype],
        dataLocation: 1,
        externalData: entries.map(([key, value]) => ({ key, value })),
      });
      return name;
    });
  }

  rename(node: Node, name: string): void {
    this.call({ type: "Identity", inputs: [this.#names.get(node)![0]!], results: [name] });
  }

  call({ type, domain, inputs, attributes = {}, results }: Call): readonly string[] {
    const name = `${type}_${this.#count++}`;
    const output =
      typeof results === "object" ? results : Array.from({ length: results ?? 1 }, (_, i) => `${name}.${i}`);
    this.nodes.push({
      name,
      opType: type,
      ...(domain === undefined ? {} : { domain }),
      input: inputs.map((input) => input ?? ""),
      output: output.map((result) => result ?? ""),
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
    return output.map((result) => result ?? "");
  }

  size(size: Dim): string {
    if (typeof size === "number") return this.integers([size]);
    const source = this.#sources.get(size);
    assert(source !== undefined, `no input has the size ${size}`);
    return this.#once(`size ${size}`, () => {
      const attributes = { start: source.axis, end: source.axis + 1 };
      return this.call({ type: "Shape", inputs: [this.#names.get(source.node)![0]!], attributes })[0]!;
    });
  }

  tells(size: Dim): boolean {
    return typeof size === "number" || this.#sources.has(size);
  }

  shape(shape: Shape): string {
    const symbols = shape.filter((size) => typeof size === "string");
    if (symbols.length === 0) return this.integers(shape as readonly number[]);
    return this.#once(`shape ${shape.join(",")}`, () => {
      const inputs = shape.map((size) => this.size(size));
      return inputs.length === 1 ? inputs[0]! : this.call({ type: "Concat", inputs, attributes: { axis: 0 } })[0]!;
    });
  }

  integers(values: readonly number[]): string {
    return this.#constant("i64", [values.length], values);
  }

  #constant(dtype: "f32" | "i64" | "i32", shape: readonly number[], values: readonly number[]): string {
    return this.#once(`${dtype}[${shape.join()}] ${values.join()}`, () => {
      const name = `constant_${this.#count++}`;
      this.initializers.push({ name, dims: shape, dataType: elementTypes[dtype], rawData: bytesOf(dtype, values) });
      return name;
    });
  }

  #once(key: string, make: () => string): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.#shared.set(key, name);
    return name;
  }
}

function bytesOf(dtype: "f32" | "i64" | "i32", values: readonly number[]): Uint8Array {
  const array =
    dtype === "f32"
      ? Float32Array.from(values)
      : dtype === "i32"
        ? Int32Array.from(values)
        : BigInt64Array.from(values, (value) => BigInt(value));
  return new Uint8Array(array.buffer);
}

function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  return "float" in value ? { name, type: 1, f: value.float } : { name, type: 7, ints: value };
}

function valueInfo(name: string, dtype: Dtype, shape: Shape): ValueInfoProto {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: elementTypes[dtype], shape: { dim } } } };
}
