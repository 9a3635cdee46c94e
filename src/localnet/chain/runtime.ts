/** What runtime code works with while a block is built: the state, the block, the events, and how a call fails. */
import type { RuntimeEvent } from "./pallets/index.ts";
import type { State } from "./state.ts";
import type { DispatchError } from "./types/substrate.ts";

export interface Runtime {
  readonly state: State;
  /** The number of the block that is being built. */
  readonly block: number;
  /** Milliseconds since 1970: the block's own time. */
  readonly nowMs: number;
  readonly deposit: (event: RuntimeEvent) => void;
}

/** A call that fails: everything that it wrote is undone and the error becomes an event. */
export class DispatchFailure extends Error {
  override readonly name = "DispatchFailure";

  constructor(
    readonly error: DispatchError,
    message: string,
  ) {
    super(message);
  }
}
