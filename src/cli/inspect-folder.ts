/** The parts of `inspect` that only a folder can answer. */
import cliProgress from "cli-progress";
import { FailureError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { printable } from "../base/log.ts";
import { openModelFolder } from "../model/folder.ts";
import { scanParameters } from "../model/parameters.ts";
import { groupProjections } from "../model/projections.ts";
import type { Links } from "../model/untrusted-file.ts";
import type { MeasuredNorms } from "./inspect-constraints.ts";

/** Reads every parameter of a folder's model, showing how far it has come. */
export async function measureNorms(path: string, links: Links, signal: AbortSignal): Promise<MeasuredNorms> {
  const folder = await openModelFolder(path, { links });
  if (isInvalid(folder)) throw new FailureError(printable(`${folder.reason}: ${folder.detail}`));
  const bar = new cliProgress.SingleBar({
    format: "reading the parameters {bar} {percentage} %",
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(folder.tensorsBytes, 0);
  try {
    const scan = await scanParameters(folder.tensors, { signal, onProgress: (doneBytes) => bar.update(doneBytes) });
    if (isInvalid(scan)) throw new FailureError(printable(`${scan.reason}: ${scan.detail}`));
    return {
      projections: groupProjections(Object.fromEntries(scan.norms)),
      nonFinite: Object.fromEntries(scan.nonFinite),
    };
  } finally {
    bar.stop();
  }
}
