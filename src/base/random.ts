/**
 * Python's `random.Random`, bit for bit (Python 3.11). Validators must draw the same samples as the public subnet's, whose
 * draws are defined by that program: the order of calls and how many words each takes are part of the mechanism.
 */
import { sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { assert } from "./assert.ts";
import { MersenneTwister } from "./random-twister.ts";

export class Random {
  readonly #twister: MersenneTwister;
  /** Gaussians come in pairs; the second waits here. */
  #gaussNext: number | undefined;

  /** @param seed an integer (its sign is ignored) or a text (seeded by its UTF-8 followed by the SHA-512 of it) */
  constructor(seed: bigint | number | string) {
    this.#twister = new MersenneTwister(wordsOf(typeof seed === "string" ? textSeed(seed) : BigInt(seed)));
  }

  /** A real in [0, 1) with 53 random bits. */
  random(): number {
    const high = this.#twister.bits32() >>> 5;
    const low = this.#twister.bits32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** An integer of `count` random bits, any count. */
  bits(count: number): bigint {
    let value = 0n;
    for (let done = 0; done < count; done += 32) {
      const word = this.#twister.bits32() >>> Math.max(0, 32 - (count - done));
      value |= BigInt(word) << BigInt(done);
    }
    return value;
  }

  /** An integer in [0, limit), by drawing as many bits as `limit` has until the value is below it. `limit` is 1 … 2^53 − 1. */
  below(limit: number): number {
    assert(Number.isSafeInteger(limit) && limit > 0, `a draw below ${limit}`);
    const count = limit < 4294967296 ? 32 - Math.clz32(limit) : 64 - Math.clz32(limit / 4294967296);
    for (;;) {
      const value = this.#bits53(count);
      if (value < limit) return value;
    }
  }

  /** An integer of [min, max], both included. */
  integer(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** An element of `range(start, stop, step)`. */
  inRange(start: number, stop: number, step = 1): number {
    return start + step * this.below(Math.ceil((stop - start) / step));
  }

  /** One element. */
  choice<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** `count` elements with repetition, each with the same chance or in proportion to its weight. */
  choices<T>(items: readonly T[], count: number, weights?: readonly number[]): T[] {
    if (weights === undefined)
      return Array.from({ length: count }, () => items[Math.floor(this.random() * items.length)]!);
    let total = 0;
    const sums = weights.map((weight) => (total += weight));
    return Array.from({ length: count }, () => {
      const drawn = this.random() * total;
      const found = sums.findIndex((sum) => drawn < sum);
      return items[found < 0 ? items.length - 1 : found]!;
    });
  }

  /** `count` different elements in drawn order. */
  sample<T>(items: readonly T[], count: number): T[] {
    assert(count >= 0 && count <= items.length, `a sample of ${count} from ${items.length}`);
    // Which of the two ways is taken decides what is drawn, so the threshold is Python's.
    const smallMax = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
    return items.length <= smallMax ? this.#sampleFromPool(items, count) : this.#sampleByRejection(items, count);
  }

  /** Permutes in place. */
  shuffle<T>(items: T[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
  }

  /** A real between `from` and `to`. */
  uniform(from: number, to: number): number {
    return from + (to - from) * this.random();
  }

  /** A real of the triangular distribution over [low, high] with its peak at `mode` (the middle by default). */
  triangular(low = 0, high = 1, mode?: number): number {
    const drawn = this.random();
    const peak = mode === undefined ? 0.5 : (mode - low) / (high - low);
    return drawn > peak
      ? high + (low - high) * Math.sqrt((1 - drawn) * (1 - peak))
      : low + (high - low) * Math.sqrt(drawn * peak);
  }

  /** A normal deviate by Box and Muller: every second call takes the other one of the pair. */
  gauss(mean = 0, deviation = 1): number {
    let unit = this.#gaussNext;
    this.#gaussNext = undefined;
    if (unit === undefined) {
      const angle = this.random() * 2 * Math.PI;
      const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
      unit = Math.cos(angle) * radius;
      this.#gaussNext = Math.sin(angle) * radius;
    }
    return mean + unit * deviation;
  }

  /** A normal deviate by Kinderman and Monahan's ratio of uniforms. */
  normal(mean = 0, deviation = 1): number {
    for (;;) {
      const drawn = this.random();
      const divisor = 1 - this.random();
      const unit = (ratioScale * (drawn - 0.5)) / divisor;
      if ((unit * unit) / 4 <= -Math.log(divisor)) return mean + unit * deviation;
    }
  }

  /** An exponential deviate with the given rate. */
  exponential(rate = 1): number {
    return -Math.log(1 - this.random()) / rate;
  }

  #bits53(count: number): number {
    if (count <= 32) return this.#twister.bits32() >>> (32 - count);
    const low = this.#twister.bits32();
    return (this.#twister.bits32() >>> (64 - count)) * 4294967296 + low;
  }

  #sampleFromPool<T>(items: readonly T[], count: number): T[] {
    const pool = [...items];
    return Array.from({ length: count }, (_, taken) => {
      const j = this.below(items.length - taken);
      const drawn = pool[j]!;
      pool[j] = pool[items.length - taken - 1]!;
      return drawn;
    });
  }

  #sampleByRejection<T>(items: readonly T[], count: number): T[] {
    const taken = new Set<number>();
    while (taken.size < count) taken.add(this.below(items.length));
    return Array.from(taken, (index) => items[index]!);
  }
}

const ratioScale = (4 * Math.exp(-0.5)) / Math.sqrt(2);

function textSeed(text: string): bigint {
  const bytes = utf8ToBytes(text);
  return BigInt(`0x${bytesToHex(bytes)}${bytesToHex(sha512(bytes))}`);
}

/** The magnitude in 32-bit words, least significant first; zero is one word. */
function wordsOf(seed: bigint): number[] {
  const words: number[] = [];
  for (let rest = seed < 0n ? -seed : seed; rest > 0n; rest >>= 32n) words.push(Number(rest & 0xffffffffn));
  return words.length === 0 ? [0] : words;
}
