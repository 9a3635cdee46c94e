/** Something with a length that is read by ranges: a file on disk, or one behind HTTP. */
import type { Invalid } from "../../base/invalid.ts";

export interface ByteSource {
  /** For sentences: a path or an address. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Ends whatever is done with the source. */
  readonly signal?: AbortSignal | undefined;
  /** Exactly the bytes [from, to), which lie within the size. Throws `ReadFailure`; `InterruptedError` when aborted. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Carries a failure of reading through those who know exceptions only; it never leaves `src/data/parquet`. */
export class ReadFailure extends Error {
  override readonly name = "ReadFailure";

  constructor(readonly failure: Invalid) {
    super(failure.detail);
  }
}
