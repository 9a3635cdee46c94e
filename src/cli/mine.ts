/** `finetune mine …`: the miner's role. */
import { group } from "./command.ts";

export default group("train, check and publish a model", {
  train: {
    summary: "fine-tune a model on your data or on what a competition asks",
    load: () => import("./mine-train.ts"),
  },
  merge: {
    summary: "merge an adapter, as PEFT or `mine train` writes it, into its base",
    load: () => import("./mine-merge.ts"),
  },
  check: {
    summary: "measure a model against the best of a competition before publishing it",
    load: () => import("./mine-check.ts"),
  },
  publish: {
    summary: "upload a model, commit it on the chain, make it public",
    load: () => import("./mine-publish.ts"),
  },
  run: {
    summary: "train, check and publish again and again, whenever it is worth it",
    load: () => import("./mine-run.ts"),
  },
  status: {
    summary: "what validators see: commitment, repository, from when it is measured, last results",
    load: () => import("./mine-status.ts"),
  },
});
