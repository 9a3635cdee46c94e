/**
 * What is wrong with something from outside, as a value: it is stored as an outcome and shown to the person whose model
 * it is, so `reason` is a fixed word that queries can count and `detail` one sentence that names the place.
 */

export interface Invalid {
  readonly kind: "invalid";
  /** A kebab-case word of a closed set of the module that made it, such as `tensor-out-of-bounds`. */
  readonly reason: string;
  /** One sentence; may quote the outside world, so print it with `printable`. */
  readonly detail: string;
}

export function invalid<R extends string>(reason: R, detail: string): Invalid & { readonly reason: R } {
  return { kind: "invalid", reason, detail };
}

/** Narrows a result that is either something usable or `Invalid`. */
export function isInvalid(value: unknown): value is Invalid {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "invalid";
}
