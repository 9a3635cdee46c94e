/** `finetune localnet …`: a whole subnet on this machine, or a part of it. */
import { group } from "./command.ts";

export default group("run a chain, a hub and data sources on this machine", {
  up: { summary: "the whole subnet, until Ctrl-C", load: () => import("./localnet-up.ts") },
  chain: { summary: "the local chain alone", load: () => import("./localnet-chain.ts") },
  data: { summary: "the local data sources alone", load: () => import("./localnet-data.ts") },
  hub: { summary: "the local hub alone", load: () => import("./localnet-hub.ts") },
});
