/** Weights on their way to the chain: what was to be sent, with which salt and payload, and what the chain answered. */
import type { Block, Hotkey, Uid } from "../subnet.ts";
import type { Row, SubmissionMode, SubmissionState } from "./schema.ts";
import type { Store } from "./store.ts";

export interface NewSubmission {
  /** The round whose subnet weights these are. */
  readonly roundId?: number;
  readonly block: Block;
  /** The validator's. */
  readonly hotkey: Hotkey;
  readonly mode: SubmissionMode;
  readonly versionKey: number;
  /** The salt of a hash commit: without it the weights could never be revealed. */
  readonly salt?: Uint8Array;
  /** The ciphertext of a timelocked commit, or the hash of a hash commit. */
  readonly payload?: Uint8Array;
  /** The drand round that opens a timelocked commit. */
  readonly revealRound?: number;
  readonly weights: readonly { readonly uid: Uid; readonly weight: number; readonly value: number }[];
}

/** Stores a submission before it is sent, so that a process that dies in between can reveal or repeat it. Returns its id. */
export async function prepareSubmission(store: Store, submission: NewSubmission): Promise<number> {
  return store.transaction(async ({ db }) => {
    const { id } = await db
      .insertInto("submissions")
      .values({
        round_id: submission.roundId ?? null,
        block: submission.block,
        hotkey: submission.hotkey,
        mode: submission.mode,
        version_key: submission.versionKey,
        state: "prepared",
        salt: submission.salt === undefined ? null : Buffer.from(submission.salt),
        payload: submission.payload === undefined ? null : Buffer.from(submission.payload),
        reveal_round: submission.revealRound ?? null,
        created_at: Date.now(),
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    for (const entry of submission.weights)
      await db
        .insertInto("submission_weights")
        .values({ submission_id: id, ...entry })
        .execute();
    return id;
  });
}

/** Stores what became of a submission and what the chain answered (JSON); `mode` when it was sent another way than prepared. */
export async function updateSubmission(
  store: Store,
  id: number,
  {
    state,
    answer,
    mode,
  }: { readonly state: SubmissionState; readonly answer?: unknown; readonly mode?: SubmissionMode },
): Promise<void> {
  await store.db
    .updateTable("submissions")
    .set({ state, mode, answered_at: Date.now(), answer: answer === undefined ? undefined : JSON.stringify(answer) })
    .where("id", "=", id)
    .execute();
}

/** Submissions in a state, oldest first: after a restart, `prepared` and `sent` ones are looked up on the chain. */
export async function findSubmissions(store: Store, state: SubmissionState): Promise<Row<"submissions">[]> {
  return store.db.selectFrom("submissions").selectAll().where("state", "=", state).orderBy("id").execute();
}

export async function latestSubmission(store: Store): Promise<Row<"submissions"> | undefined> {
  return store.db.selectFrom("submissions").selectAll().orderBy("id", "desc").limit(1).executeTakeFirst();
}

/** The last submission that the chain has accepted. */
export async function latestAccepted(store: Store): Promise<Row<"submissions"> | undefined> {
  return store.db
    .selectFrom("submissions")
    .selectAll()
    .where("state", "in", ["included", "revealed"])
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** The last submission of the weights that a round left. */
export async function submissionAfter(store: Store, roundId: number): Promise<Row<"submissions"> | undefined> {
  return store.db
    .selectFrom("submissions")
    .selectAll()
    .where("round_id", "=", roundId)
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
}

export async function readSubmissionWeights(store: Store, id: number): Promise<Row<"submission_weights">[]> {
  return store.db.selectFrom("submission_weights").selectAll().where("submission_id", "=", id).orderBy("uid").execute();
}
