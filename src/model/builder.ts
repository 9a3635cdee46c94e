/**
 * What an architecture builds its graph with: the inputs that every language model has, the parameters by name, and the
 * cache of keys and values. Hidden states are matrices [rows, width], rows = batch · tokens, since that is what the
 * matrix kernels want; only attention sees [batch, tokens, width].
 */
import { invalid } from "../base/invalid.ts";
import * as graph from "../graph/expression.ts";
import type { Node } from "../graph/node.ts";
import { cachedHeadSize, type Dtype } from "../graph/op.ts";
import { ModelProblem } from "./config.ts";
import type { Rope } from "./rope.ts";

/** What is known of a stored tensor without reading it. */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface AttentionOptions {
  /** Which layer's cache is used. */
  readonly layer: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** What q·k is multiplied with; headSize^−½ when absent. */
  readonly scale?: number;
  readonly softcap?: number;
  /** See Attention in graph/op.ts; 0 is none. */
  readonly window?: number;
  /** Added to the scaled scores: [1 or batch, heads, tokens, keys]. */
  readonly scoreBias?: Node | undefined;
  readonly sinks?: Node | undefined;
  readonly rope?: { readonly name: string; readonly rope: Rope; readonly interleaved?: boolean } | undefined;
}

const dtypes: Readonly<Record<string, Dtype>> = { F32: "f32", F16: "f16", BF16: "bf16" };

export class Builder {
  readonly ids: Node = graph.input("ids", "i64", ["batch", "tokens"]);
  readonly #parameters = new Map<string, Node>();
  readonly #inputs = new Map<string, Node>();
  readonly #newest: Record<string, Node> = {};

  /**
   * @param tensors what the model's files hold
   * @param options `cache`: keys and values of earlier chunks are inputs, and those of the chunk outputs. Without it the
   * graph sees whole sequences from their start, several in a row where `positions` say so, as training does. `prefix`
   * begins the names of the tensors of the body; files written from the body alone lack it.
   */
  constructor(
    private readonly tensors: ReadonlyMap<string, StoredTensor>,
    private readonly options: { readonly cache: boolean; readonly prefix: string },
  ) {
    const { prefix } = options;
    this.#bare = prefix !== "" && ![...tensors.keys()].some((name) => name.startsWith(prefix));
  }
  readonly #bare: boolean;

  /** Names of stored tensors that the graph reads so far. */
  get parameterNames(): readonly string[] {
    return [...this.#parameters.keys()];
  }

  /**
   * Outputs `new.<layer>.key` and `.value` [batch, tokens, kvHeads · headSize], for a graph with a cache: what the chunk
   * adds to it. The kernel could return the whole cache as well; copying that out takes longer than a token's computation.
   */
  get newest(): Readonly<Record<string, Node>> {
    return this.#newest;
  }

  has(name: string): boolean {
    return this.tensors.has(this.#nameOnDisk(name));
  }

  /** A stored tensor in its stored type, for gathering rows. Its shape must be what the config implies. */
  stored(name: string, shape: readonly number[]): Node {
    const onDisk = this.#nameOnDisk(name);
    const known = this.#parameters.get(onDisk);
    if (known !== undefined && known.shape.join() === shape.join()) return known;
    const tensor = this.tensors.get(onDisk);
    if (tensor === undefined)
      throw new ModelProblem(invalid("tensor-missing", `tensor ${onDisk} [${shape.join(", ")}] is missing`));
    if (tensor.shape.join() !== shape.join())
      throw new ModelProblem(
        invalid(
          "tensor-shape-mismatch",
          `tensor ${onDisk} is [${tensor.shape.join(", ")}], config.json implies [${shape.join(", ")}]`,
        ),
      );
    const dtype = dtypes[tensor.dtype];
    if (dtype === undefined)
      throw new ModelProblem(invalid("dtype-not-allowed", `tensor ${onDisk} is ${tensor.dtype}`));
    const node = graph.parameter(onDisk, dtype, shape);
    this.#parameters.set(onDisk, node);
    return node;
  }

  /** A stored tensor as f32. */
  parameter(name: string, shape: readonly number[]): Node {
    return graph.cast(this.stored(name, shape), "f32");
  }

  /** Positions of the chunk's tokens in their sequences, i64 [batch, tokens]. */
  get positions(): Node {
    return this.#input("positions", "i64", ["batch", "tokens"]);
  }

  /** The same in f32, for biases that depend on the distance: a row of scores each, [batch, 1, tokens, 1]. */
  get queryPositions(): Node {
    return graph.reshape(graph.cast(this.positions, "f32"), ["batch", 1, "tokens", 1]);
  }

  /** Likewise those of all keys so far, a column of scores each: [1, 1, 1, keys], or [batch, 1, 1, tokens]. */
  get keyPositions(): Node {
    return this.options.cache
      ? graph.reshape(this.#input("keys", "f32", ["keys"]), [1, 1, 1, "keys"])
      : graph.reshape(graph.cast(this.positions, "f32"), ["batch", 1, 1, "tokens"]);
  }

  /** [rows, width] → [batch, tokens, width] */
  sequences(x: Node): Node {
    return graph.reshape(x, ["batch", "tokens", x.shape.at(-1)!]);
  }

  /** [batch, tokens, width] → [rows, width] */
  rows(x: Node): Node {
    return graph.reshape(x, ["rows", x.shape.at(-1)!]);
  }

  /** [sin, cos] of the chunk's positions, [… positions, rope.rotated]; all zeros at position `zeroAt`. */
  sinusoids(name: string, rope: Rope, zeroAt: number): Node {
    const rows = (part: string) =>
      graph.gather(this.#input(`rope.${name}.${part}`, "f32", ["positions", rope.rotated / 2]), this.positions);
    const kept = graph.not(graph.equal(this.positions, graph.constant(zeroAt, [], "i64")));
    const parts = [rows("sin"), rows("cos")];
    const lastAxis = parts[0]!.shape.length - 1;
    return graph.mul(
      graph.concat(parts, lastAxis),
      graph.reshape(graph.cast(kept, "f32"), [...this.positions.shape, 1]),
    );
  }

  /** Rotates the first dimensions of every head. x: [batch, tokens, heads · headSize]. */
  rotate(x: Node, heads: number, { name, rope, interleaved = false }: NonNullable<AttentionOptions["rope"]>): Node {
    if (rope.rotated === 0) return x;
    const table = (part: string) => this.#input(`rope.${name}.${part}`, "f32", ["positions", rope.rotated / 2]);
    const tables = { positions: this.positions, cos: table("cos"), sin: table("sin") };
    return graph.rotary(x, tables, { heads, rotated: rope.rotated, interleaved });
  }

  /**
   * Causal attention. Query [rows, heads · headSize], key and value [rows, kvHeads · headSize], before rotation;
   * returns [rows, heads · headSize].
   */
  attention(query: Node, key: Node, value: Node, options: AttentionOptions): Node {
    const { layer, heads, kvHeads, headSize, rope, scoreBias, sinks, window = 0, softcap = 0 } = options;
    const { scale = 1 / Math.sqrt(headSize) } = options;
    const turn = (x: Node, count: number) =>
      rope === undefined ? this.sequences(x) : this.rotate(this.sequences(x), count, rope);
    const shape = ["batch", kvHeads, "capacity", cachedHeadSize(headSize)] as const;
    const past = this.options.cache
      ? {
          key: this.#input(`past.${layer}.key`, "f32", shape),
          value: this.#input(`past.${layer}.value`, "f32", shape),
        }
      : undefined;
    const turnedKey = turn(key, kvHeads);
    const values = this.sequences(value);
    const result = graph.attention(
      {
        query: turn(query, heads),
        key: turnedKey,
        value: values,
        lengths: this.#input("lengths", "i32", ["batch"]),
        total: this.#input("total", "i32", []),
        past,
        bias: scoreBias,
        sinks,
        positions: this.options.cache ? undefined : this.positions,
      },
      { heads, kvHeads, headSize, scale, softcap, window },
    );
    if (this.options.cache) {
      this.#newest[`new.${layer}.key`] = turnedKey;
      this.#newest[`new.${layer}.value`] = values;
    }
    return this.rows(result);
  }

  #input(name: string, dtype: Dtype, shape: readonly (number | string)[]): Node {
    const known = this.#inputs.get(name);
    if (known !== undefined) return known;
    const node = graph.input(name, dtype, shape);
    this.#inputs.set(name, node);
    return node;
  }

  #nameOnDisk(name: string): string {
    const { prefix } = this.options;
    return this.#bare && name.startsWith(prefix) ? name.slice(prefix.length) : name;
  }
}
