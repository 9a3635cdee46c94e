/** Who was looked at in a round: those that contend, and those that do not with the reason. */
import type { Hotkey, Uid } from "../subnet.ts";
import type { ContenderState, Row } from "./schema.ts";
import type { Store } from "./store.ts";

export interface NewContender {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly commitmentId?: number;
  readonly modelId?: number;
  readonly state: ContenderState;
  readonly reason?: string;
  readonly detail?: string;
}

/** Stores or renews a uid's part in a round: a contender that turns out damaged while it is loaded becomes refused. */
export async function recordContender(store: Store, roundId: number, contender: NewContender): Promise<void> {
  const row = {
    hotkey: contender.hotkey,
    commitment_id: contender.commitmentId ?? null,
    model_id: contender.modelId ?? null,
    state: contender.state,
    reason: contender.reason ?? null,
    detail: contender.detail ?? null,
  };
  await store.db
    .insertInto("contenders")
    .values({ round_id: roundId, uid: contender.uid, ...row })
    .onConflict((conflict) => conflict.columns(["round_id", "uid"]).doUpdateSet(row))
    .execute();
}

export interface ContenderDetails extends Row<"contenders"> {
  readonly block: number | null;
  readonly repo: string | null;
  readonly revision: string | null;
  readonly parameter_hash: string | null;
}

/** A round's contenders by uid, with their commitment's block and their model. */
export async function readContenders(store: Store, roundId: number): Promise<ContenderDetails[]> {
  return store.db
    .selectFrom("contenders")
    .leftJoin("commitments", "commitments.id", "contenders.commitment_id")
    .leftJoin("models", "models.id", "contenders.model_id")
    .selectAll("contenders")
    .select(["commitments.block", "models.repo", "models.revision", "models.parameter_hash"])
    .where("contenders.round_id", "=", roundId)
    .orderBy("contenders.uid")
    .execute();
}
