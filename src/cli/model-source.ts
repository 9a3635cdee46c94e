/** Where the model of a command is: a folder, or `namespace/name[@revision]` of a hub, downloaded when needed. */
import { stat } from "node:fs/promises";
import { OperatorError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import type { LocalModel, ModelFlags, ModelPlace } from "./model-args.ts";

/** What MODEL names. A folder of that name wins over a repository. */
export async function findModel(args: ModelFlags): Promise<ModelPlace> {
  const found = await stat(args.model).catch(() => undefined);
  if (found?.isDirectory())
    return { kind: "folder", path: args.model, links: args["cache-links"] ? "hub-cache" : "refuse" };
  if (found !== undefined)
    throw new OperatorError(
      `${printable(args.model)} is not a folder.`,
      "Give the folder that holds config.json and the .safetensors files.",
    );
  const match = /^([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?$/.exec(args.model);
  if (match === null)
    throw new OperatorError(
      `${printable(args.model)} is neither a folder nor the name of a model.`,
      "Give a folder, or namespace/name[@revision] of a model on the hub.",
    );
  return { kind: "repository", repo: match[1]!, revision: match[2] ?? "main" };
}

/** The folder of MODEL, downloaded into the cache where it is a repository. In use until disposed. */
export async function locateModel(args: ModelFlags, signal: AbortSignal): Promise<LocalModel> {
  const place = await findModel(args);
  if (place.kind === "folder") return { folder: place.path, links: place.links, [Symbol.asyncDispose]: async () => {} };
  // Loaded only now: a model in a folder shall not wait for the hub's client.
  const { downloadRepository } = await import("./remote-model.ts");
  return await downloadRepository(args, place, signal);
}
