/** What can be said of a model from its headers alone: what it is, and what measuring it will take. */
import { type Invalid, isInvalid } from "../base/invalid.ts";
import { findChatTemplate } from "./chat-template.ts";
import { type FileSource, type ModelFiles, readModelFiles } from "./files.ts";
import { type Model, readModel } from "./model.ts";

export interface Inspection {
  readonly kind: "inspection";
  readonly architecture: string;
  readonly parameters: number;
  /** The type of the parameters; of several, the one with most bytes first: `BF16+F32`. */
  readonly dtype: string;
  readonly tensors: number;
  /** Of all tensors. */
  readonly bytes: number;
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly layers: number;
  readonly tokenizer: { readonly sizeBytes: number; readonly chatTemplate: boolean } | null;
  readonly estimate: Estimate;
}

export interface Estimate {
  /** Anonymous memory while scoring, parameters left in the mapped file. */
  readonly memoryBytesMapped: number;
  /** The same with every parameter widened to f32 beforehand. */
  readonly memoryBytesWidened: number;
  /** Of the matrices alone; attention adds to it with the length. An upper bound for mixtures of experts. */
  readonly flopPerToken: number;
  readonly secondsPer1000Tokens: number;
  /** What the seconds assume: a round number for one core of a recent server, to be compared with `bench`. */
  readonly flopPerSecondAssumed: number;
}

const flopPerSecondPerCore = 80e9;
/** Activations and logits of a long sequence, and the program itself. */
const overheadBytes = 600 * 2 ** 20;

/** Reads headers and config; no parameter is read. */
export async function inspectModel(
  source: FileSource,
  { cores }: { readonly cores: number },
): Promise<Inspection | Invalid> {
  const files = await readModelFiles(source);
  if (isInvalid(files)) return files;
  const model = readModel(files.config, files.tensors);
  if (isInvalid(model)) return model;
  const tokenizer = await findTokenizer(source);
  if (isInvalid(tokenizer)) return tokenizer;
  return {
    kind: "inspection",
    architecture: model.architecture,
    parameters: model.parameters,
    dtype: dtypeOf(files, model),
    tensors: files.tensors.size,
    bytes: files.tensorsBytes,
    contextTokens: model.contextTokens,
    vocabularySize: model.vocabulary,
    layers: model.layers,
    tokenizer,
    estimate: estimate(files, model, cores),
  };
}

function dtypeOf({ tensors }: ModelFiles, { parameterNames }: Model): string {
  const bytes = new Map<string, number>();
  for (const name of parameterNames) {
    const { dtype, lengthBytes } = tensors.get(name)!;
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + lengthBytes);
  }
  const ordered = [...bytes].sort(([, a], [, b]) => b - a);
  return ordered.map(([dtype]) => dtype).join("+");
}

/** Whether there is one. It is not read, since it may be large and is a stranger's program in parts; nor is a template run. */
async function findTokenizer(source: FileSource): Promise<Inspection["tokenizer"] | Invalid> {
  const opened = await source.open("tokenizer.json");
  if (opened.kind === "invalid") return opened.reason === "file-missing" ? null : opened;
  await using file = opened;
  const template = await findChatTemplate(source);
  if (isInvalid(template)) return template;
  return { sizeBytes: file.sizeBytes, chatTemplate: template !== undefined };
}

function estimate({ tensors }: ModelFiles, model: Model, cores: number): Estimate {
  const shapes = model.parameterNames.map((name) => tensors.get(name)!.shape);
  const matrices = shapes
    .filter((shape) => shape.length >= 2)
    .map((shape) => shape.reduce((size, side) => size * side, 1));
  const largest = matrices.reduce((most, size) => Math.max(most, size), 0);
  const tables = shapes.filter((shape) => shape.length === 2 && shape[0] === model.vocabulary);
  const inTables = tables.reduce((sum, [rows = 0, width = 0]) => sum + rows * width, 0);
  const inLayers = matrices.reduce((sum, size) => sum + size, 0) - inTables;
  // Looking a token up costs nothing; turning a state into logits costs the table once, whether it is tied or not.
  const flopPerToken = 2 * (inLayers + model.vocabulary * model.width);
  const flopPerSecondAssumed = flopPerSecondPerCore * cores;
  return {
    memoryBytesMapped: 4 * largest + overheadBytes,
    memoryBytesWidened: 4 * model.parameters + overheadBytes,
    flopPerToken,
    secondsPer1000Tokens: (1000 * flopPerToken) / flopPerSecondAssumed,
    flopPerSecondAssumed,
  };
}
