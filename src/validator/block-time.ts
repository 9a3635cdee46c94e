/** When a round's sync block was made, by the chain's clock: ages are counted to it, so that all validators count alike. */
import { FailureError } from "../base/errors.ts";
import { type Invalid, invalid } from "../base/invalid.ts";
import type { ChainClient } from "../chain/client.ts";
import type { Draw } from "./text-source.ts";

/** Milliseconds since 1970. */
export type BlockTimeReader = (at: Pick<Draw, "syncBlock" | "syncBlockHash">) => Promise<number | Invalid>;

export function blockTimesOf(chain: Pick<ChainClient, "timestampMs">): BlockTimeReader {
  return async ({ syncBlock, syncBlockHash }) => {
    try {
      return await chain.timestampMs(syncBlockHash);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      return invalid("no-block-time", `The time of block ${syncBlock} cannot be read: ${error.message}`);
    }
  };
}
