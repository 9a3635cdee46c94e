/** What a person sees of a publication: a line a step, and on a terminal one line that moves; or JSON. */
import { log, printable } from "../base/log.ts";
import type { PublishOptions, PublishProgress, PublishStep } from "../miner/publish.ts";
import { MovingLine } from "./moving-line.ts";
import { printJson, transferred } from "./output.ts";

type Reports = Pick<PublishOptions, "onStep" | "onProgress">;

export function publishProgress({ json }: { readonly json: boolean }): Reports {
  if (json)
    return {
      onStep: (step) => printJson({ kind: "step", ...step }),
      onProgress: (progress) => printJson(progress),
    };
  const line = process.stderr.isTTY ? new MovingLine() : undefined;
  return {
    onStep(step) {
      line?.clear();
      log.info(printable(`${sentences[step.name](step.result)}${step.resumed ? " (by an earlier run)" : ""}`));
    },
    onProgress(progress) {
      if (line !== undefined) line.show(printable(describe(progress)));
      // Where nothing moves only what makes a person wait without a reason to see is worth a line.
      else if (progress.kind === "waiting") log.info(printable(describe(progress)));
    },
  };
}

const sentences: Record<PublishStep["name"], (result: PublishStep["result"]) => string> = {
  checked: ({ files }) => `the model's ${files} files and the hotkey are in order`,
  created: ({ created }) => (created === false ? "the private repository is there" : "a private repository is made"),
  uploaded: ({ revision }) => `uploaded as ${revision}`,
  verified: ({ directoryHash }) => `a fresh download has the same bytes; directory hash ${directoryHash}`,
  committed: ({ block }) => `committed at block ${block}, which is final`,
  public: () => "the repository is public",
  confirmed: () => "anybody can download the same bytes",
};

function describe(progress: PublishProgress): string {
  switch (progress.kind) {
    case "hashing":
    case "checking":
    case "uploading":
    case "downloading":
      return `${progress.kind} ${progress.what}: ${transferred(progress)}`;
    case "waiting":
      return `the chain does not take the commitment yet. ${progress.detail}`;
    case "committing":
      return `waiting for the block of extrinsic ${progress.extrinsicHash} to be final`;
  }
}
