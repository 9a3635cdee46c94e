/**
 * Frees the memory of numbers that nobody reads any more, an array's whole buffer: the collector does not know how much
 * hangs on it, and lets gigabytes pile up.
 */
export function giveBack({ buffer }: { readonly buffer: ArrayBufferLike }): void {
  (buffer as ArrayBuffer).transfer(0);
}
