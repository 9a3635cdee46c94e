/** The files of a repository, read by range: what it takes to look at a model without downloading it. */
import { type Invalid, invalid } from "../base/invalid.ts";
import type { Source } from "../hub/client.ts";
import type { Hub } from "../hub/connection.ts";
import { type ModelListing, readRange } from "../hub/inspect.ts";
import { type HubFailure, HubFailureError } from "../hub/outcome.ts";
import type { FileSource } from "../model/files.ts";

/** Throws `HubFailureError` for what is not the model's fault. */
export function remoteFiles(
  hub: Hub,
  { listing, signal, ...source }: Source & { readonly listing: ModelListing; readonly signal: AbortSignal },
): FileSource {
  return {
    async open(name) {
      const file = listing.files.find(({ path }) => path === name);
      if (file === undefined) return invalid("file-missing", `${name} is missing`);
      return {
        kind: "file",
        path: name,
        sizeBytes: file.sizeBytes,
        async read({ offsetBytes, lengthBytes }) {
          const range = { path: name, from: offsetBytes, to: offsetBytes + lengthBytes };
          const result = await readRange(hub, { ...source, ...range, signal });
          if (result.kind !== "ok") return asInvalid(result);
          if (result.value.length === lengthBytes) return result.value;
          return invalid("file-truncated", `${name} is shorter than the hub's listing says`);
        },
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
}

/** The owner's fault is a verdict; anything else must not become one. */
export function asInvalid(failure: HubFailure): Invalid {
  if (failure.kind === "invalid") return invalid(failure.reason, failure.detail);
  throw new HubFailureError(failure);
}
