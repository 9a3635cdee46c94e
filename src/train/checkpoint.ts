/**
 * A checkpoint is one .safetensors file: the values and both moments of every trained tensor as f32, and in its metadata
 * the step and what the training is of. Data and dropout are functions of the seed and the step, so that this is all
 * that going on bit for bit needs. One file, written aside and renamed: it is there as a whole or as it was before.
 */
import { rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { readSafetensorsHeader } from "../model/files.ts";
import { openFolder } from "../model/folder.ts";
import { narrow, widen, writeSafetensors } from "../model/safetensors-writer.ts";
import type { Moments } from "./adamw.ts";
import { readTensor } from "./read-tensor.ts";
import type { Trainable } from "./trainable.ts";
import type { TrainerState } from "./trainer.ts";

/** What must not change between two runs of one training: names and values as text. */
export type Identity = Readonly<Record<string, string>>;

const parts = ["value", "first", "second"] as const;

export async function writeCheckpoint(
  path: string,
  checkpoint: { readonly identity: Identity; readonly state: TrainerState; readonly trainables: readonly Trainable[] },
): Promise<void> {
  const { identity, state, trainables } = checkpoint;
  const tensors = trainables.flatMap(({ name, shape }) =>
    parts.map((part) => ({
      name: `${part}.${name}`,
      dtype: "F32" as const,
      shape,
      bytes: () => narrow(part === "value" ? state.values.get(name)! : state.moments.get(name)![part], "F32"),
    })),
  );
  await writeSafetensors(path, tensors, { step: String(state.step), identity: JSON.stringify(identity) });
}

export interface Checkpoint {
  readonly kind: "checkpoint";
  readonly identity: Identity;
  readonly state: TrainerState;
}

/** `undefined`: there is none. */
export async function readCheckpoint(
  path: string,
  trainables: readonly Trainable[],
): Promise<Checkpoint | undefined | Invalid> {
  const source = await openFolder(dirname(path), "refuse");
  if (isInvalid(source)) return undefined;
  const header = await readSafetensorsHeader(source, basename(path));
  if (isInvalid(header)) return header.reason === "file-missing" ? undefined : header;
  const step = Number(header.metadata.step);
  const identity = parseIdentity(header.metadata.identity);
  if (!Number.isSafeInteger(step) || identity === undefined)
    return invalid("checkpoint-malformed", `${path} does not say what it is of`);
  const values = new Map<string, Float32Array>();
  const moments = new Map<string, Moments>();
  for (const { name, shape } of trainables) {
    const read: Partial<Record<(typeof parts)[number], Float32Array>> = {};
    for (const part of parts) {
      const tensor = header.tensors.get(`${part}.${name}`);
      if (tensor?.dtype !== "F32" || tensor.shape.join() !== shape.join())
        return invalid("checkpoint-malformed", `${path} does not hold ${part}.${name} [${shape.join(", ")}]`);
      read[part] = widen(await readTensor(tensor), "F32");
    }
    values.set(name, read.value!);
    moments.set(name, { first: read.first!, second: read.second! });
  }
  return { kind: "checkpoint", identity, state: { step, values, moments } };
}

export async function removeCheckpoint(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** The name of the first thing that two identities differ in. */
export function differenceOf(a: Identity, b: Identity): string | undefined {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].find((key) => a[key] !== b[key]);
}

function parseIdentity(text: string | undefined): Identity | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? (value as Identity) : undefined;
  } catch {
    return undefined;
  }
}
