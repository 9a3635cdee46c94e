/** What hotkeys committed on the chain: the bytes, and what they mean. */
import type { Commitment } from "../subnet.ts";
import type { Store } from "./store.ts";

/** What a commitment's bytes mean, or why they mean nothing. */
export type CommitmentMeaning =
  | {
      readonly kind: "model";
      /** `namespace/name`. */
      readonly repo: string;
      readonly revision: string;
      readonly secureHash: string;
      readonly competitionId: number;
    }
  | { readonly kind: "unparsable"; readonly problem: string };

/** Stores a commitment once per hotkey and block and returns its id. */
export async function recordCommitment(
  store: Store,
  commitment: Commitment,
  meaning: CommitmentMeaning,
): Promise<number> {
  const { hotkey, block } = commitment;
  const known = await store.db
    .selectFrom("commitments")
    .select("id")
    .where("hotkey", "=", hotkey)
    .where("block", "=", block)
    .executeTakeFirst();
  if (known !== undefined) return known.id;
  const parsed =
    meaning.kind === "model"
      ? {
          repo: meaning.repo,
          revision: meaning.revision,
          secure_hash: meaning.secureHash,
          competition_id: meaning.competitionId,
        }
      : { problem: meaning.problem };
  const row = await store.db
    .insertInto("commitments")
    .values({ hotkey, block, data: Buffer.from(commitment.data), seen_at: Date.now(), ...parsed })
    .returning("id")
    .executeTakeFirstOrThrow();
  return row.id;
}
