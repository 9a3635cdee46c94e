/** Models of the hub: their commit, their files, what a failure of the hub means to the person. */
import { join } from "node:path";
import cliProgress from "cli-progress";
import { FailureError, messageOf, OperatorError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import { openModelCache } from "../hub/cache.ts";
import type { Source } from "../hub/client.ts";
import { connectHub, type Hub, readBounded, send } from "../hub/connection.ts";
import { type HubFailure, HubFailureError } from "../hub/outcome.ts";
import type { LocalModel, ModelFlags } from "./model-args.ts";
import { megabytes } from "./output.ts";
import { settingOf } from "./settings.ts";
import { decimal } from "./values.ts";

export function hubOf(args: Readonly<Record<string, unknown>>): Hub {
  return connectHub({ url: settingOf("hub", args), token: settingOf("token", args) });
}

/** Downloads a repository into the cache, or finds it there. In use until disposed. */
export async function downloadRepository(args: ModelFlags, place: Source, signal: AbortSignal): Promise<LocalModel> {
  const flags = args as unknown as Readonly<Record<string, unknown>>;
  const hub = hubOf(flags);
  const source = await pinRevision(hub, place, signal);
  const bytesMax = decimal(args["disk-max"], { flag: "disk-max", min: 0.001 }) * 1e9;
  const cache = openModelCache({ folder: join(settingOf("cache", flags), "models"), bytesMax });
  const bar = new cliProgress.SingleBar({
    format: `${source.repo} {bar} {percentage} % of {totalMegabytes} MB`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  let started = false;
  try {
    const outcome = await cache.acquire(hub, {
      ...source,
      bytesMax,
      signal,
      onProgress({ doneBytes, totalBytes }) {
        if (!started) bar.start(totalBytes, 0, { totalMegabytes: megabytes(totalBytes) });
        started = true;
        bar.update(doneBytes);
      },
    });
    if (outcome.kind !== "downloaded") throw hubError(outcome);
    return { folder: outcome.folder, links: "refuse", [Symbol.asyncDispose]: async () => outcome.release() };
  } finally {
    if (started) bar.stop();
  }
}

/** A branch may move: what is downloaded, cached and shown is a commit. */
export async function pinRevision(hub: Hub, { repo, revision }: Source, signal: AbortSignal): Promise<Source> {
  if (/^[0-9a-f]{40}$/.test(revision)) return { repo, revision };
  const result = await send(hub, `${hub.url}/api/models/${repo}/revision/${encodeURIComponent(revision)}`, { signal });
  if (result.kind !== "ok") throw hubError(result);
  const answer = await readBounded(result.value, hub.bounds)
    .then((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as { sha?: unknown })
    .catch((error) => {
      throw new FailureError(`The hub's answer about ${repo} cannot be read: ${messageOf(error)}`);
    });
  if (typeof answer.sha !== "string" || !/^[0-9a-f]{40}$/.test(answer.sha))
    throw new FailureError(`The hub does not say which commit ${printable(revision)} of ${repo} is.`);
  return { repo, revision: answer.sha };
}

/** A hub's failure as what the person sees. */
export function hubError(failure: HubFailure): Error {
  const message = printable(`${failure.reason}: ${failure.detail}`);
  if (failure.kind === "refused") return new OperatorError(message, "Check --hub and the token (HF_TOKEN).");
  return new FailureError(message, failure.kind === "retry" ? "It may work later." : "");
}

/** What `FileSource` throws for a hub that failed, turned into what the person sees. */
export function asHubError(error: unknown): unknown {
  return error instanceof HubFailureError ? hubError(error.failure) : error;
}
