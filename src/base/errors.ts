/**
 * How things go wrong, by whose mistake it is: a programmer's is an assertion (crash), an operator's is an
 * `OperatorError` (one sentence what, one what to do, exit 2), the outside world's is a value (`Outcome`).
 */

/** The operator asked for something that cannot be done as asked. Printed without a stack; exit code 2. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";

  /**
   * @param message one sentence: what is wrong
   * @param hint one sentence: what to do about it
   */
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** The work itself failed although it was asked for correctly. Printed without a stack; exit code 1. */
export class FailureError extends Error {
  override readonly name = "FailureError";

  constructor(
    message: string,
    readonly hint: string = "",
  ) {
    super(message);
  }
}

/** Ctrl-C or SIGTERM. Exit code 130. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";

  constructor() {
    super("interrupted");
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
