/**
 * The alarm for a validator whose weights do not arrive: it may well measure and submit and still be paid nothing. What
 * counts is the chain's own record, so that this alarm and `finetune health` say the same.
 */
import { FailureError } from "../base/errors.ts";
import { recordEvent } from "../store/events.ts";
import type { Block, Head } from "../subnet.ts";
import type { ValidatorContext } from "./context.ts";

/** Weights are set at least this often: an hour of blocks of 12 seconds. */
export const weightsIntervalBlocks = 300;

/** Whether weights that were last accepted at `since` are missing at `block`: for twice the interval. */
export function areWeightsOverdue(block: Block, since: Block, intervalBlocks: number): boolean {
  return block - since > 2 * intervalBlocks;
}

export class OverdueWatch {
  #since: Block | undefined;
  #lookAgain: Block = 0;

  constructor(
    private readonly context: Pick<ValidatorContext, "chain" | "netuid" | "store" | "signer" | "report">,
    private readonly intervalBlocks = weightsIntervalBlocks,
  ) {}

  /** Looks at the chain when the weights may be overdue; says so, loudly, once an interval for as long as they are. */
  async look({ number: block }: Head): Promise<void> {
    const { signer, chain, netuid } = this.context;
    if (signer === undefined) return;
    // A validator that has just begun has its time to measure something first.
    this.#since ??= block;
    if (block < this.#lookAgain || !areWeightsOverdue(block, this.#since, this.intervalBlocks)) return;
    this.#lookAgain = block + this.intervalBlocks;
    try {
      const { neurons } = await chain.metagraph(netuid);
      const neuron = neurons.find(({ hotkey }) => hotkey === signer.ss58Address);
      this.#since = Math.max(this.#since, neuron?.lastUpdateBlock ?? 0);
      if (areWeightsOverdue(block, this.#since, this.intervalBlocks)) await this.#alarm(block, neuron === undefined);
    } catch (error) {
      // A chain that cannot be read is reported where the round needs it; the alarm is for one that can.
      if (!(error instanceof FailureError)) throw error;
    }
  }

  async #alarm(block: Block, isGone: boolean): Promise<void> {
    const { store, report } = this.context;
    const why = isGone ? "this hotkey is not registered in the subnet" : "see `finetune health`";
    const detail = `The chain has accepted no weights of this validator for ${block - this.#since!} blocks: ${why}.`;
    await recordEvent(store, { level: "error", kind: "weights-overdue", message: detail, block });
    report({ kind: "weights", outcome: "overdue", detail });
  }
}
