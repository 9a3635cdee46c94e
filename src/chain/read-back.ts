/** What the chain says it did is believed when it is to be read there. */
import type { Link } from "./link.ts";
import { refusal } from "./refusals.ts";
import { Snapshot } from "./snapshot.ts";
import type { Submission } from "./submission.ts";

/** A final submission whose effect is not in the state of its own block is none. */
export async function readBack(
  link: Link,
  submission: Submission,
  isWritten: (snapshot: Snapshot) => Promise<boolean>,
): Promise<Submission> {
  if (submission.kind !== "finalised") return submission;
  const { block, blockHash, extrinsicHash } = submission;
  if (await isWritten(await Snapshot.at(link, blockHash))) return submission;
  return { kind: "refused", block, extrinsicHash, ...refusal("EffectMissing") };
}
