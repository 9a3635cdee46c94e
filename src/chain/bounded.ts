/** A map that forgets its oldest entries. */
export class Bounded<V> {
  readonly #entries = new Map<string, V>();

  constructor(readonly sizeMax: number) {}

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.sizeMax) this.#entries.delete(this.#entries.keys().next().value!);
  }
}
