/** What hotkeys committed on the chain: the bytes, and what they mean. */
import type { Block, Commitment, Hotkey } from "../subnet.ts";
import type { Row } from "./schema.ts";
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

/** The newest commitment of a hotkey at or before a block. */
export async function findCommitment(
  store: Store,
  hotkey: Hotkey,
  atOrBefore: Block = Number.MAX_SAFE_INTEGER,
): Promise<Row<"commitments"> | undefined> {
  return store.db
    .selectFrom("commitments")
    .selectAll()
    .where("hotkey", "=", hotkey)
    .where("block", "<=", atOrBefore)
    .orderBy("block", "desc")
    .limit(1)
    .executeTakeFirst();
}
