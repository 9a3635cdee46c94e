/** Revisions of repositories: what inspection found in them, and the verdict for the hotkey that committed them. */
import type { Hotkey } from "../subnet.ts";
import type { Row, VerdictState } from "./schema.ts";
import type { Store } from "./store.ts";

/** The id of a revision, stored when it is new. */
export async function recordModel(
  store: Store,
  { repo, revision }: { readonly repo: string; readonly revision: string },
): Promise<number> {
  await store.db
    .insertInto("models")
    .values({ repo, revision, found_at: Date.now() })
    .onConflict((conflict) => conflict.columns(["repo", "revision"]).doNothing())
    .execute();
  const row = await store.db
    .selectFrom("models")
    .select("id")
    .where("repo", "=", repo)
    .where("revision", "=", revision)
    .executeTakeFirstOrThrow();
  return row.id;
}

/** What inspection or download has found; members that are absent stay as they are stored. */
export interface ModelFindings {
  readonly directoryHash?: string;
  readonly parameterHash?: string;
  readonly parameterCount?: number;
  readonly sizeBytes?: number;
  readonly architecture?: string;
  /** JSON. */
  readonly inspection?: unknown;
}

export async function describeModel(store: Store, modelId: number, findings: ModelFindings): Promise<void> {
  await store.db
    .updateTable("models")
    .set({
      directory_hash: findings.directoryHash,
      parameter_hash: findings.parameterHash,
      parameter_count: findings.parameterCount,
      size_bytes: findings.sizeBytes,
      architecture: findings.architecture,
      inspection: findings.inspection === undefined ? undefined : JSON.stringify(findings.inspection),
      // An update must set something even when nothing was found.
      repo: (column) => column.ref("repo"),
    })
    .where("id", "=", modelId)
    .execute();
}

export interface Verdict {
  readonly state: VerdictState;
  /** For "invalid": a code such as `tensor-out-of-bounds`, and a sentence. */
  readonly reason?: string;
  readonly detail?: string;
}

/** What a verdict is about. A verdict on a model never changes: other constraints make another one. */
export interface VerdictKey {
  readonly modelId: number;
  readonly hotkey: Hotkey;
  readonly constraintsDigest: string;
}

/** Stores a verdict. The first one stands: a later one for the same key changes nothing. */
export async function recordVerdict(store: Store, key: VerdictKey, verdict: Verdict): Promise<void> {
  await store.db
    .insertInto("verdicts")
    .values({
      model_id: key.modelId,
      hotkey: key.hotkey,
      constraints_digest: key.constraintsDigest,
      state: verdict.state,
      reason: verdict.reason ?? null,
      detail: verdict.detail ?? null,
      judged_at: Date.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function findVerdict(store: Store, key: VerdictKey): Promise<Row<"verdicts"> | undefined> {
  return store.db
    .selectFrom("verdicts")
    .selectAll()
    .where("model_id", "=", key.modelId)
    .where("hotkey", "=", key.hotkey)
    .where("constraints_digest", "=", key.constraintsDigest)
    .executeTakeFirst();
}
