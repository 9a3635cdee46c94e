/** `finetune mine …`: the miner's role. */
import { group } from "./command.ts";

export default group("train, check and publish a model", {
  train: { summary: "fine-tune a model on what a competition asks", load: () => import("./mine-train.ts") },
  merge: { summary: "merge an adapter into its base", load: () => import("./mine-merge.ts") },
  check: {
    summary: "measure a model against the best of a competition before publishing it",
    load: () => import("./mine-check.ts"),
  },
  publish: {
    summary: "upload a model, commit it on the chain, make it public",
    load: () => import("./mine-publish.ts"),
  },
  run: { summary: "train, check and publish again and again", load: () => import("./mine-run.ts") },
  status: { summary: "what validators see of a miner", load: () => import("./mine-status.ts") },
});
