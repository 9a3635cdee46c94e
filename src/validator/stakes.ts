/** Whose data counts: other subnets' validators with enough stake, as the chain has them at the round's sync block. */
import { FailureError } from "../base/errors.ts";
import { type Invalid, invalid } from "../base/invalid.ts";
import type { ChainClient } from "../chain/client.ts";
import type { Hotkey, Netuid } from "../subnet.ts";
import type { Draw } from "./text-source.ts";

export type StakeReader = (
  wanted: { readonly netuid: Netuid; readonly stakeTaoMin: number },
  at: Pick<Draw, "syncBlockHash">,
) => Promise<ReadonlySet<Hotkey> | Invalid>;

export function stakesOf(chain: Pick<ChainClient, "metagraph">): StakeReader {
  return async ({ netuid, stakeTaoMin }, { syncBlockHash }) => {
    try {
      const { neurons } = await chain.metagraph(netuid, syncBlockHash);
      const counted = neurons.filter((neuron) => neuron.validatorPermit && neuron.stakeTao >= stakeTaoMin);
      return new Set(counted.map(({ hotkey }) => hotkey));
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      return invalid("no-subnet", `The validators of subnet ${netuid} cannot be read: ${error.message}`);
    }
  };
}
