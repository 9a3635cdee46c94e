/**
 * Runs an encoded graph. The only importer of onnxruntime: what the rest of the program sees of it are tensors of
 * numbers in and out.
 *
 * `run` blocks the thread until the result is there, so sessions live in a child process (worker.ts), or in a program
 * that has nothing else to do.
 */
import "./no-telemetry.ts";
import { availableParallelism } from "node:os";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { FailureError, messageOf } from "../base/errors.ts";
import { sizeOf } from "../graph/shape.ts";

/** A tensor of a run, row-major. Half-precision values never leave a graph: they are cast inside. */
export type Tensor =
  | { readonly dtype: "f32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "i32"; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: "i64"; readonly shape: readonly number[]; readonly data: BigInt64Array };

export type Tensors = Readonly<Record<string, Tensor>>;

export interface SessionOptions {
  /**
   * `load`: parameters are widened to f32 and laid out for the matrix kernels when the session is made; they take
   * anonymous memory, four bytes a parameter. `run`: they stay in the mapped file, and each is widened when an operator
   * needs it; making the session takes no time and little memory.
   */
  readonly widen: "load" | "run";
  /**
   * The runtime keeps the memory that it took, for later operators and runs. What an operator needs is then there
   * already, which saves a tenth of the time; and the C library's heap, which would be asked otherwise, falls into pieces
   * and grows with every layer. Where a single run needs gigabytes of many sizes, keeping costs more. True when absent.
   */
  readonly keepMemory?: boolean;
  /** All cores of the machine when absent. */
  readonly threads?: number;
  /**
   * Whether the session looks beforehand for results that can take the memory of earlier ones. It compares all whose
   * sizes depend on the data with each other, which for a thousand of them takes minutes. True when absent; without it
   * runs of mixtures of experts take about 1.6 times as long.
   */
  readonly planReuse?: boolean;
}

export interface Session {
  /** Feeds every input and returns every output, or those asked for. */
  readonly run: (feeds: Tensors, fetch?: FetchOptions) => Promise<Record<string, Tensor>>;
  readonly close: () => Promise<void>;
}

export interface FetchOptions {
  /** The outputs to return; all when absent. The runtime's binding copies every one of them. */
  readonly outputs?: readonly string[];
}

/** Parameters are found below this folder: every location is a path without its leading slash. */
const root = "/";

/** Throws a `FailureError` when the runtime does not take the model, for want of memory above all. */
export async function createSession(model: Uint8Array, options: SessionOptions): Promise<Session> {
  const session = await create(model, options);
  return {
    async run(feeds, { outputs = session.outputNames } = {}) {
      const given = Object.fromEntries(session.inputNames.map((name) => [name, toOrt(feeds[name]!)]));
      const results = await session.run(given, outputs);
      return Object.fromEntries(outputs.map((name) => [name, fromOrt(results[name]!)]));
    },
    close: () => session.release(),
  };
}

async function create(model: Uint8Array, options: SessionOptions): Promise<InferenceSession> {
  const settings: InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    intraOpNumThreads: options.threads ?? availableParallelism(),
    // Only the executor for independent branches does without the plan, and only when it has threads for two of them.
    ...((options.planReuse ?? true)
      ? { executionMode: "sequential", interOpNumThreads: 1 }
      : { executionMode: "parallel", interOpNumThreads: 2 }),
    logSeverityLevel: 4,
    enableCpuMemArena: options.keepMemory ?? true,
    // A plan's memory comes on top of what is kept, and is made anew for every new size of a batch.
    enableMemPattern: false,
    extra: {
      session: {
        model_external_initializers_file_folder_path: root,
        ...(options.widen === "run" ? { disable_prepacking: "1" } : {}),
      },
      ...(options.widen === "run" ? { optimization: { disable_specified_optimizers: "ConstantFolding" } } : {}),
    },
  };
  try {
    return await InferenceSession.create(model, settings);
  } catch (error) {
    throw new FailureError(`The model's graph cannot be made ready: ${messageOf(error)}`);
  }
}

/** Where a file's bytes lie for `encode`: a location below `root`. */
export function locationOf(file: string): string {
  return file.slice(root.length);
}

const ortTypes = { f32: "float32", i32: "int32", i64: "int64" } as const;

function toOrt({ dtype, shape, data }: Tensor): OrtTensor {
  // A buffer may be longer than the tensor that is fed: the binding takes exactly what the shape says.
  const exact = data.length === sizeOf(shape) ? data : data.subarray(0, sizeOf(shape));
  return new OrtTensor(ortTypes[dtype] as "float32", exact as Float32Array, shape);
}

function fromOrt(tensor: OrtTensor): Tensor {
  const shape = tensor.dims;
  if (tensor.type === "float32") return { dtype: "f32", shape, data: tensor.data as Float32Array };
  if (tensor.type === "int32") return { dtype: "i32", shape, data: tensor.data as Int32Array };
  return { dtype: "i64", shape, data: tensor.data as BigInt64Array };
}
