/**
 * What the chain does wrong on demand, so that clients can be tested against it. Draws are seeded, so that a run that
 * failed can be had again.
 */

export interface Faults {
  /** Probability that a request is never answered. */
  readonly rpcDrop: number;
  /** Probability that a request closes its socket. */
  readonly cut: number;
  /** Every answer and notification comes this much later. */
  readonly latencyMs: number;
  /** Blocks stop coming for this long, … */
  readonly stallMs: number;
  /** … after every so many blocks. */
  readonly stallEveryBlocks: number;
  /** After every so many blocks the newest is taken back and another takes its place; 0: never. */
  readonly reorgEveryBlocks: number;
}

export const noFaults: Faults = {
  rpcDrop: 0,
  cut: 0,
  latencyMs: 0,
  stallMs: 0,
  stallEveryBlocks: 100,
  reorgEveryBlocks: 0,
};

/** With reorgs, a block is final only once this many stand on it; a reorg never reaches deeper. */
export const reorgFinalityLagBlocks = 2;
const reorgEveryBlocksDefault = 20;

/** What `--fault` takes, for help and errors. */
export const faultsSyntax = "rpc-drop=P, cut=P, latency=DURATION, stall=DURATION[@BLOCKS], reorg[@BLOCKS]";

/** Reads `rpc-drop=0.05,latency=200ms,stall=30s@100,reorg@20`; null when it cannot be understood. */
export function parseFaults(text: string): Faults | null {
  let faults = noFaults;
  for (const part of text.split(",").map((each) => each.trim())) {
    const change = part === "" ? {} : parseOne(part);
    if (change === null) return null;
    faults = { ...faults, ...change };
  }
  return faults;
}

function parseOne(part: string): Partial<Faults> | null {
  const match = /^(?<name>[a-z-]+)(?:=(?<value>[\d.]+(?:ms|s)?))?(?:@(?<blocks>[1-9]\d{0,8}))?$/.exec(part);
  if (match?.groups === undefined) return null;
  const { name, value, blocks } = match.groups;
  const probability = value !== undefined && Number(value) <= 1 ? Number(value) : null;
  const duration = value === undefined ? null : durationMs(value);
  switch (name) {
    case "rpc-drop":
      return probability === null || blocks !== undefined ? null : { rpcDrop: probability };
    case "cut":
      return probability === null || blocks !== undefined ? null : { cut: probability };
    case "latency":
      return duration === null || blocks !== undefined ? null : { latencyMs: duration };
    case "stall":
      if (duration === null) return null;
      return { stallMs: duration, ...(blocks === undefined ? {} : { stallEveryBlocks: Number(blocks) }) };
    case "reorg":
      return value === undefined ? { reorgEveryBlocks: Number(blocks ?? reorgEveryBlocksDefault) } : null;
    default:
      return null;
  }
}

function durationMs(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  return match === null ? null : Number(match[1]) * (match[2] === "s" ? 1000 : 1);
}

/** Decides request by request. */
export class FaultInjector {
  private state: number;

  constructor(
    readonly faults: Faults,
    seed: number,
  ) {
    this.state = seed >>> 0;
  }

  /** What happens to a request. */
  draw(): "serve" | "drop" | "cut" {
    const { rpcDrop, cut } = this.faults;
    if (rpcDrop === 0 && cut === 0) return "serve";
    const at = this.uniform();
    return at < rpcDrop ? "drop" : at < rpcDrop + cut ? "cut" : "serve";
  }

  /** A 32-bit linear congruential generator is chance enough for faults. */
  private uniform(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state / 2 ** 32;
  }
}
