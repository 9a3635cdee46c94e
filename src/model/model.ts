/**
 * From a model's files to graphs: reads config.json against the architectures that are known, builds the graphs, and
 * checks that the stored tensors are exactly those that the architecture has. Nothing is run and no parameter is read.
 */
import { type Invalid, invalid } from "../base/invalid.ts";
import type { JsonObject } from "../base/json.ts";
import { input, reshape } from "../graph/expression.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Architecture, LanguageModel } from "./architecture.ts";
import { architectures } from "./architectures.ts";
import { Builder, type StoredTensor } from "./builder.ts";
import { ConfigReader, ModelProblem, refuseForeign, withoutEffect } from "./config.ts";
import { tokenLoss } from "./token-loss.ts";

export interface Model extends LanguageModel {
  readonly kind: "model";
  /** The class's name, such as `LlamaForCausalLM`. */
  readonly architecture: string;
  /** Numbers in all tensors that the model uses; a matrix that serves twice counts once. */
  readonly parameters: number;
  /** The names of those tensors. */
  readonly parameterNames: readonly string[];
  /** ids → `hidden` [rows, width], with the cache of keys and values in and out. */
  readonly body: () => Graph;
  /** hidden [rows, width] → `logits` [rows, vocabulary] */
  readonly logits: () => Graph;
  /** hidden [rows, width], targets i64 [rows] → `nll` [rows] in nats */
  readonly nll: () => Graph;
  /**
   * ids, targets → `hidden`, `logits`: whole sequences without a cache, to be decomposed and differentiated. Beside them
   * `boundary.N` [rows, width]: what layer N reads, and after the last layer what it gives.
   */
  readonly training: () => Graph;
}

export const boundaryPrefix = "boundary.";

/** What is stored beside the parameters and never used: masks and frequencies of older releases of transformers. */
const buffers =
  /(^|\.)(rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias|attention\.bias|attention\.masked_bias|position_ids)$/;

/** Reads and checks a model. A config feature that cannot be computed is refused by name. */
export function readModel(config: JsonObject, tensors: ReadonlyMap<string, StoredTensor>): Model | Invalid {
  try {
    return read(config, tensors);
  } catch (error) {
    if (error instanceof ModelProblem) return error.invalid;
    throw error;
  }
}

function read(config: JsonObject, tensors: ReadonlyMap<string, StoredTensor>): Model {
  const architecture = findArchitecture(config);
  const { className, prefix } = architecture;
  const reader = new ConfigReader(className, config);
  reader.ignore(...withoutEffect);
  refuseForeign(reader);
  const model = architecture.read(reader);
  reader.finish();

  const builder = (cache: boolean) => new Builder(tensors, { cache, prefix });
  const body = () => {
    const b = builder(true);
    const hidden = runBody(model, b);
    return { graph: createGraph({ hidden, ...b.newest }), names: b.parameterNames };
  };
  const head = () => {
    const b = builder(true);
    const logits = model.head(b, input("hidden", "f32", ["rows", model.width]));
    return { logits, names: b.parameterNames };
  };
  const parameterNames = [...new Set([...body().names, ...head().names])];
  refuseUnknownTensors(architecture, tensors, parameterNames);
  return {
    ...model,
    kind: "model",
    architecture: className,
    parameterNames,
    parameters: parameterNames.reduce((sum, name) => sum + sizeOf(tensors.get(name)!.shape)!, 0),
    body: () => body().graph,
    logits: () => createGraph({ logits: head().logits }),
    nll() {
      const targets = reshape(input("targets", "i64", ["rows"]), ["rows", 1]);
      return createGraph({ nll: reshape(tokenLoss(head().logits, targets), ["rows"]) });
    },
    training() {
      const b = builder(false);
      const boundaries: Record<string, Node> = {};
      const hidden = runBody(model, b, (x, index) => {
        boundaries[`${boundaryPrefix}${index}`] = x;
      });
      return createGraph({ hidden, logits: model.head(b, hidden), ...boundaries });
    },
  };
}

function runBody(model: LanguageModel, b: Builder, onBoundary: (x: Node, index: number) => void = () => {}): Node {
  let x = model.embed(b);
  onBoundary(x, 0);
  for (let index = 0; index < model.layers; index++) {
    x = model.layer(b, x, index);
    onBoundary(x, index + 1);
  }
  return model.finish(b, x);
}

function findArchitecture(config: JsonObject): Architecture {
  const { architectures: names, model_type: modelType } = config;
  const name = Array.isArray(names) && names.length === 1 ? names[0] : undefined;
  const found = architectures.find(({ className }) => className === name);
  if (found === undefined) {
    const shown = JSON.stringify(names)?.slice(0, 100) ?? "absent";
    throw new ModelProblem(
      invalid("architecture-unknown", `config.json: architectures ${shown} is not one that is supported`),
    );
  }
  if (modelType !== found.modelType) {
    const shown = JSON.stringify(modelType)?.slice(0, 60) ?? "absent";
    throw new ModelProblem(
      invalid("config-unsupported", `config.json: model_type ${shown} does not go with ${found.className}`),
    );
  }
  return found;
}

/** A tensor that the model does not have would be counted by nobody and loaded by nobody: what is it there for? */
function refuseUnknownTensors(
  { className, unused }: Architecture,
  tensors: ReadonlyMap<string, StoredTensor>,
  used: readonly string[],
): void {
  const known = new Set(used);
  for (const name of tensors.keys()) {
    if (!known.has(name) && !buffers.test(name) && !unused?.test(name))
      throw new ModelProblem(invalid("tensor-unexpected", `tensor ${name} is not one of ${className}`));
  }
}
