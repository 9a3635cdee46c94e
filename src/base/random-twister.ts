/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998): 32 random bits a call, from a state of 624 words. The
 * recurrence and the seeding by an array are those of the authors' reference, which Python's `random` uses.
 */

const stateWords = 624;
const shift = 397;
const matrix = 0x9908b0df;

export class MersenneTwister {
  readonly #state = new Uint32Array(stateWords);
  #next = stateWords;

  /** @param key the seed as 32-bit words, least significant first; at least one */
  constructor(key: readonly number[]) {
    const state = this.#state;
    seedByNumber(state, 19650218);
    let i = 1;
    let j = 0;
    for (let count = Math.max(stateWords, key.length); count > 0; count--) {
      state[i] = (state[i]! ^ Math.imul(mixed(state[i - 1]!), 1664525)) + key[j]! + j;
      if (++i === stateWords) {
        state[0] = state[stateWords - 1]!;
        i = 1;
      }
      if (++j === key.length) j = 0;
    }
    for (let count = stateWords - 1; count > 0; count--) {
      state[i] = (state[i]! ^ Math.imul(mixed(state[i - 1]!), 1566083941)) - i;
      if (++i === stateWords) {
        state[0] = state[stateWords - 1]!;
        i = 1;
      }
    }
    // The state is never all zeros, whatever the key.
    state[0] = 0x80000000;
  }

  /** The next 32 bits as an unsigned integer. */
  bits32(): number {
    if (this.#next === stateWords) this.#refill();
    let word = this.#state[this.#next++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let k = 0; k < stateWords; k++) {
      const joined = (state[k]! & 0x80000000) | (state[(k + 1) % stateWords]! & 0x7fffffff);
      state[k] = state[(k + shift) % stateWords]! ^ (joined >>> 1) ^ (joined & 1 ? matrix : 0);
    }
    this.#next = 0;
  }
}

function seedByNumber(state: Uint32Array, seed: number): void {
  state[0] = seed;
  for (let i = 1; i < stateWords; i++) state[i] = Math.imul(mixed(state[i - 1]!), 1812433253) + i;
}

function mixed(word: number): number {
  return word ^ (word >>> 30);
}
