/** Assertions stay on in production: a state that the programmer ruled out must not be carried into a payment. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** Marks the branch of a closed union that no value can reach; a missing case does not compile. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected ${JSON.stringify(value)}`);
}
