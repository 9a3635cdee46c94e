/**
 * Getting weights onto the chain. A submission is a row before anything leaves; what was signed, and what a hash commit
 * needs for its reveal, is journalled at once, so that the next process finds out what became of it instead of sending
 * it again. One submission is under way at a time, beside the rounds and never in their way.
 */
import { messageOf } from "../base/errors.ts";
import type { Pending, Submission } from "../chain/submission.ts";
import type { Reveal, WeightsSubmission } from "../chain/weight-plan.ts";
import { upscale } from "../chain/weights.ts";
import type { CompetitionFile } from "../competition/competition.ts";
import { recordEvent } from "../store/events.ts";
import { clearSteps, readSteps, writeStep } from "../store/journal.ts";
import { readVector } from "../store/results.ts";
import { listRounds } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import { findSubmissions, latestSubmission, prepareSubmission, updateSubmission } from "../store/submissions.ts";
import type { Block, Head, Uid } from "../subnet.ts";
import type { ValidatorContext } from "./context.ts";

/** Unchanged weights are set again after this time: the chain counts a validator that is silent for long as inactive. */
const repeatSeconds = 3600;
/** After a refusal. */
const retrySeconds = 120;

export class SubmissionPlan {
  #active: Promise<void> | undefined;
  #notBefore: Block = 0;
  #recovered = false;

  constructor(private readonly context: ValidatorContext) {}

  /** Starts what is due at this head. True: nothing is under way and nothing is due. */
  async advance(head: Head): Promise<boolean> {
    if (this.context.signer === undefined) return true;
    if (this.#active !== undefined) return false;
    const work = await this.#due(head);
    if (work === undefined) return true;
    this.#active = work()
      .catch((error: unknown) => this.#failed(head, messageOf(error)))
      .finally(() => {
        this.#active = undefined;
      });
    return false;
  }

  async #due(head: Head): Promise<(() => Promise<void>) | undefined> {
    const { store } = this.context;
    if (!this.#recovered) {
      const lost = [...(await findSubmissions(store, "prepared")), ...(await findSubmissions(store, "sent"))];
      this.#recovered = true;
      if (lost.length > 0) return () => this.#recover(lost);
    }
    const [toReveal] = (await findSubmissions(store, "included")).filter(({ mode }) => mode === "hash-commit");
    if (toReveal !== undefined) return () => this.#reveal(toReveal);
    const round = (await listRounds(store, { state: "finished" })).at(-1);
    if (round === undefined || head.number < this.#notBefore) return undefined;
    const last = await latestSubmission(store);
    const accepted = last?.state === "included" || last?.state === "revealed";
    if (accepted && last.round_id === round.id && head.number - last.block < this.#blocks(repeatSeconds))
      return undefined;
    return () => this.#submit(head, round);
  }

  async #submit(head: Head, round: Row<"rounds">): Promise<void> {
    const { store, chain, netuid, rules, signer, signal, report } = this.context;
    const vector = await readVector(store, "subnet_weights", round.id);
    if (vector.length === 0) {
      this.#notBefore = head.number + this.#blocks(retrySeconds);
      return;
    }
    const { commitRevealEnabled } = await chain.hyperparameters(netuid);
    const values = upscale(vector.map(({ weight }) => weight));
    const id = await prepareSubmission(store, {
      roundId: round.id,
      block: head.number,
      hotkey: signer!.ss58Address,
      mode: commitRevealEnabled ? "timelocked" : "plain",
      versionKey: rules.file.versionKey,
      weights: vector.map(({ uid, weight }, index) => ({ uid, weight, value: values[index]! })),
    });
    const scope = scopeOf(id);
    const submitted = await chain.submitWeights({
      netuid,
      uids: vector.map(({ uid }) => uid),
      weights: vector.map(({ weight }) => weight),
      ...(inheritsWeights(rules.file) ? {} : { hotkeys: vector.map(({ hotkey }) => hotkey) }),
      versionKey: rules.file.versionKey,
      signer: signer!,
      signal,
      onSigned: (pending) => writeStep(store, scope, "pending", pending),
      onReveal: (reveal) => writeStep(store, scope, "reveal", storedReveal(reveal)),
      onWait: (blocks) =>
        report({ kind: "weights", outcome: "waiting", detail: `${blocks} blocks until the chain takes weights` }),
    });
    if (submitted.reveal !== null) await writeStep(store, scope, "reveal", storedReveal(submitted.reveal));
    if (submitted.replaced.length > 0) await this.#sayReplaced(head, submitted.replaced);
    await this.#settle(id, head, submitted);
  }

  async #sayReplaced({ number: block }: Head, uids: readonly Uid[]): Promise<void> {
    const message = `Other hotkeys have taken the places of uids ${uids.join(", ")} since they were measured: no weight is set on them.`;
    await recordEvent(this.context.store, { level: "warning", kind: "weights-replaced", message, block });
  }

  /** What became of submissions that an earlier process left behind. */
  async #recover(lost: readonly Row<"submissions">[]): Promise<void> {
    const { store, chain } = this.context;
    for (const row of lost) {
      const pending = (await readSteps(store, scopeOf(row.id))).get("pending") as Pending | undefined;
      // Nothing was signed, so nothing can be on the chain.
      if (pending === undefined)
        await updateSubmission(store, row.id, { state: "lost", answer: { kind: "never-sent" } });
      else await this.#settle(row.id, { number: row.block, hash: row.hotkey }, await chain.fate(pending));
    }
  }

  async #reveal(row: Row<"submissions">): Promise<void> {
    const { store, chain, signer, signal } = this.context;
    const stored = (await readSteps(store, scopeOf(row.id))).get("reveal") as StoredReveal | undefined;
    if (stored === undefined) {
      await updateSubmission(store, row.id, { state: "lost", answer: { kind: "no-reveal" } });
      return;
    }
    const revealed = await chain.revealWeights({
      reveal: { ...stored, versionKey: BigInt(stored.versionKey) },
      signer: signer!,
      signal,
    });
    // Its fate is unknown: it stays included, and the next attempt reads the chain before it sends anything.
    if (revealed.kind === "unknown") return await this.#failed({ number: row.block, hash: "" }, revealed.sentence);
    const state = revealed.kind === "finalised" ? "revealed" : "lost";
    await updateSubmission(store, row.id, { state, answer: answerOf(revealed) });
    await clearSteps(store, scopeOf(row.id));
  }

  async #settle(id: number, head: Head, submission: Submission | WeightsSubmission): Promise<void> {
    const { store, report } = this.context;
    const state = ({ finalised: "included", refused: "refused", unknown: "sent" } as const)[submission.kind];
    // The chain's parameters may have changed since it was prepared, and an older runtime has no timelock.
    const mode = "method" in submission ? { mode: submission.method } : {};
    await updateSubmission(store, id, { state, answer: answerOf(submission), ...mode });
    if (submission.kind === "finalised") {
      report({ kind: "weights", outcome: "accepted", detail: `in block ${submission.block}` });
      return;
    }
    this.#recovered = submission.kind !== "unknown";
    const detail = submission.kind === "refused" ? `${submission.error}: ${submission.sentence}` : submission.sentence;
    await this.#failed(head, detail);
  }

  async #failed(head: Head, detail: string): Promise<void> {
    const { store, report, signal } = this.context;
    if (signal.aborted) return;
    this.#notBefore = head.number + this.#blocks(retrySeconds);
    await recordEvent(store, { level: "error", kind: "weights-refused", message: detail, block: head.number });
    report({ kind: "weights", outcome: "refused", detail });
  }

  /** In blocks of the public chain: on a local chain whose blocks are quicker, everything is. */
  #blocks(seconds: number): number {
    return Math.ceil((seconds * 1000) / 12_000);
  }
}

/** Where the rules of any competition let a newcomer go on with what its uid has earned. */
function inheritsWeights({ schedule }: CompetitionFile): boolean {
  return schedule.some(({ competitions }) => competitions.some(({ rules }) => rules.replacedHotkey === "inherited"));
}

type StoredReveal = Omit<Reveal, "versionKey"> & { readonly versionKey: string };

function storedReveal(reveal: Reveal): StoredReveal {
  return { ...reveal, versionKey: reveal.versionKey.toString() };
}

function scopeOf(id: number): string {
  return `submission:${id}`;
}

/** What is kept of the chain's answer: JSON has no bigint and nobody needs the events. */
function answerOf(submission: Submission | WeightsSubmission): unknown {
  const { kind } = submission;
  if (kind === "finalised") {
    const { block, blockHash, extrinsicHash } = submission;
    return { kind, block, blockHash, extrinsicHash };
  }
  return kind === "refused"
    ? { kind, error: submission.error, sentence: submission.sentence }
    : { kind, sentence: submission.sentence };
}
