/**
 * From a commitment to a model that may contend: downloaded, the files those that were committed, the numbers finite, the
 * constraints kept. What is the model's own fault becomes a verdict, and a verdict is never looked for again.
 */
import type { Competition } from "../competition/competition.ts";
import { checkFinite } from "../competition/constraints.ts";
import { hashDigests } from "../competition/hashes.ts";
import { checkDownloaded } from "../competition/sync.ts";
import { startModelChild } from "../eval/child.ts";
import type { CachedModel } from "../hub/cache.ts";
import { groupProjections } from "../model/projections.ts";
import { describeModel, findVerdict, recordModel, recordVerdict } from "../store/models.ts";
import type { Hotkey, Uid } from "../subnet.ts";
import type { ValidatorContext } from "./context.ts";

export interface AdmittedModel {
  readonly kind: "admitted";
  readonly modelId: number;
  readonly repo: string;
  readonly held: CachedModel;
}

export interface NotAdmitted {
  readonly kind: "refused" | "failed";
  readonly modelId: number;
  readonly reason: string;
  readonly detail: string;
}

export interface IntakeInput {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly repo: string;
  readonly revision: string;
  readonly secureHash: string;
  readonly competition: Competition;
  /** Of the competition's constraints: what a verdict was given under. */
  readonly digest: string;
}

export async function admitModel(context: ValidatorContext, input: IntakeInput): Promise<AdmittedModel | NotAdmitted> {
  const { store, hub, cache, signal, report } = context;
  const { uid, hotkey, repo, revision, competition } = input;
  const modelId = await recordModel(store, { repo, revision });
  const key = { modelId, hotkey, constraintsDigest: input.digest };
  const verdict = await findVerdict(store, key);
  if (verdict?.state === "invalid")
    return { kind: "refused", modelId, reason: verdict.reason!, detail: verdict.detail ?? "" };

  const held = await cache.acquire(hub, {
    repo,
    revision,
    bytesMax: competition.constraints.repositoryBytesMax,
    signal,
    onProgress: ({ doneBytes, totalBytes }) => report({ kind: "downloading", uid, repo, doneBytes, totalBytes }),
  });
  if (held.kind === "retry" || held.kind === "refused")
    return { kind: "failed", modelId, reason: held.reason, detail: held.detail };
  // A repository that is missing today may be there tomorrow (a miner publishes after committing): no verdict.
  if (held.kind === "invalid") return { kind: "refused", modelId, reason: held.reason, detail: held.detail };
  if (verdict?.state === "valid") return { kind: "admitted", modelId, repo, held };

  const examined = await examine(context, { ...input, modelId, held });
  if (examined.kind === "failed") {
    held.release();
    return { kind: "failed", modelId, reason: examined.reason, detail: examined.detail };
  }
  if (examined.kind === "invalid") {
    held.release();
    const { reason, detail } = examined;
    await recordVerdict(store, key, { state: "invalid", reason, detail });
    return { kind: "refused", modelId, reason, detail };
  }
  await recordVerdict(store, key, { state: "valid" });
  return { kind: "admitted", modelId, repo, held };
}

type Examined =
  | { readonly kind: "valid" }
  | { readonly kind: "invalid" | "failed"; readonly reason: string; readonly detail: string };

/** Hashes first: they need no child, and settle most of what copiers try. */
async function examine(
  { store, limits, signal }: ValidatorContext,
  input: IntakeInput & { readonly modelId: number; readonly held: CachedModel },
): Promise<Examined> {
  const { competition, hotkey, secureHash, modelId, held } = input;
  const directoryHash = hashDigests(held.files);
  await describeModel(store, modelId, {
    directoryHash,
    sizeBytes: held.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  });
  const child = startModelChild({ folder: held.folder, limits, signal });
  try {
    const described = await child.describe();
    if (described.kind !== "done") return described;
    const scanned = await child.scan();
    if (scanned.kind !== "done") return scanned;
    const [{ architecture, parameters }] = described.results as [(typeof described.results)[number]];
    const [{ nonFinite, norms, digest }] = scanned.results as [(typeof scanned.results)[number]];
    await describeModel(store, modelId, {
      architecture,
      parameterCount: parameters,
      parameterHash: digest,
      inspection: { norms, nonFinite },
    });
    const projections = groupProjections(norms);
    const checked = { competition, hotkey, secureHash, directoryHash, parameters, architecture, projections };
    return checkFinite(Object.entries(nonFinite)) ?? checkDownloaded(checked) ?? { kind: "valid" };
  } finally {
    await child.close();
  }
}
