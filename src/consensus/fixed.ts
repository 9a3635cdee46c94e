/**
 * The chain's I32F32 in doubles, exact to the last unit.
 *
 * A value is its integer of 2⁻³² units, kept in a double: integers up to 2⁵³ are exact there, which holds every
 * proportion (≤ 2³²) and every sum of 4096 of them (≤ 2⁴⁴). Products and quotients need up to 2⁶⁴: a double rounds
 * them, which settles nearly all of them, and the rest are done in parts. BigInt would be exact as well, and some
 * fifty times slower.
 */

/** An I32F32 as its integer number of 2⁻³² units. */
export type Fixed = number;

/** 1 in I32F32. */
export const one: Fixed = 2 ** 32;

const half = 2 ** 16;
/** Multiplying by a power of two is as exact as dividing by its inverse, and much faster. */
const perHalf = 2 ** -16;
const perOne = 2 ** -32;
/** A double below 2³⁶ is off by at most 2⁻¹⁷, so a fraction further than this from 0 and 1 has a sure floor. */
const doubt = 2 ** -16;
const denominatorMax = 2 ** 45;
const denominatorMaxWide = 2 ** 37;
const u16Max = 65_535;

/**
 * ⌊a·b / 2³²⌋ for 0 ≤ a ≤ 2³⁶ and |b| ≤ 2³². The chain shifts the 128-bit product right, so negative products go
 * towards −∞. The rounded product decides unless it is too close to an integer to tell.
 */
export function multiply(a: Fixed, b: Fixed): Fixed {
  const product = a * b * perOne;
  const floor = Math.floor(product);
  const fraction = product - floor;
  return fraction > doubt && fraction < 1 - doubt ? floor : multiplyInHalves(a, b);
}

/**
 * ⌊a·2³² / b⌋ for 0 ≤ a ≤ b < 2⁴⁵, and 0 when b is 0 (the chain's `safe_div`). Scaling by 2³² is exact; the rounded
 * quotient decides unless it is too close to an integer to tell.
 */
export function divide(a: Fixed, b: Fixed): Fixed {
  const quotient = (a * one) / b;
  const floor = Math.floor(quotient);
  const fraction = quotient - floor;
  return fraction > doubt && fraction < 1 - doubt ? floor : divideByDigits(a, b);
}

/**
 * With a = h·2¹⁶ + l every intermediate is an integer below 2⁵³, and ⌊(h·b + l·b/2¹⁶)/2¹⁶⌋ does not change when its
 * inner fraction is dropped first.
 */
function multiplyInHalves(a: Fixed, b: Fixed): Fixed {
  const high = Math.floor(a * perHalf);
  const low = a - high * half;
  return Math.floor((high * b + Math.floor(low * b * perHalf)) * perHalf);
}

/**
 * Long division, 16 bits of the quotient at a time where the remainder leaves room for that, else 8. Since the digit is
 * below 2¹⁶ (2⁸) and b below 2³⁷ (2⁴⁵), a quotient that is not an integer is further from the next one than the double's
 * rounding, so `floor` cannot go wrong.
 */
function divideByDigits(a: Fixed, b: Fixed): Fixed {
  if (b === 0) return 0;
  if (b < denominatorMaxWide) {
    const scaled = a * half;
    const high = Math.floor(scaled / b);
    return high * half + Math.floor(((scaled - high * b) * half) / b);
  }
  let quotient = 0;
  let remainder = a;
  for (let digit = 0; digit < 4; digit++) {
    const scaled = remainder * 256;
    const next = Math.floor(scaled / b);
    quotient = quotient * 256 + next;
    remainder = scaled - next * b;
  }
  return quotient;
}

/** True when `divide` is exact for a denominator. Sums of 8192 proportions stay below it. */
export function isDivisor(b: Fixed): boolean {
  return b >= 0 && b < denominatorMax;
}

/** A proportion as the chain stores it: ⌊x·65535⌋, at most 65535. */
export function proportionToU16(x: Fixed): number {
  return Math.min(u16Max, Math.floor((x * u16Max) / one));
}

/** A stored u16 as a proportion: ⌊x·2³² / 65535⌋. */
export function u16ToProportion(x: number): Fixed {
  return divide(x, u16Max);
}

/** The sum of a vector. */
export function sumOf(values: Float64Array): Fixed {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Divides a vector by its sum (or by another), in place; a zero sum leaves it as it is. */
export function normalize(values: Float64Array, sum: Fixed = sumOf(values)): Float64Array {
  if (sum !== 0) for (let index = 0; index < values.length; index++) values[index] = divide(values[index]!, sum);
  return values;
}

/** A fixed-point number as a double, for showing. */
export function toNumber(x: Fixed): number {
  return x / one;
}
