/**
 * 1/(1 + eˣ) as the chain computes it: eˣ by its Taylor series in I32F32 with every product and quotient truncated, so
 * that its error is part of the protocol. Only liquid alpha needs it.
 */
import { divide, type Fixed, one } from "./fixed.ts";

/** The chain clamps the argument to ±20 beforehand. */
const argumentMax = 20 * one;
/** Up to here every term fits a double and eˣ stays within `divide`'s denominators; default steepness needs 5. */
const doubleArgumentMax = 8 * one;
/** The library has e as a constant of 23 fractional bits, and returns it for exactly 1 (not for −1). */
const eulerOf23Bits = Math.floor(Math.E * 2 ** 23) * 2 ** 9;
/** The series ends after x³¹/31!. */
const termCount = 32;
const half = 2 ** 16;
const perHalf = 2 ** -16;
const doubt = 2 ** -9;
const wideError = 2e-10;

/**
 * 1/(1 + eˣ) of each x, in I32F32, x clamped to ±20. A whole row at a time: a series is one long chain of dependent
 * operations, and a processor works on many such chains as fast as on one.
 */
export function sigmoids(values: Float64Array): Float64Array {
  const argument = values.map((value) => Math.max(-argumentMax, Math.min(argumentMax, value)));
  const power = seriesInDoubles(argument.map((x) => (Math.abs(x) <= doubleArgumentMax ? Math.abs(x) : 0)));
  return argument.map((x, index) => {
    if (Math.abs(x) > doubleArgumentMax) return wideSigmoid(x);
    return divide(one, one + exponentialOf(x, power[index]!));
  });
}

/** eˣ from e^|x|. */
function exponentialOf(x: Fixed, power: Fixed): Fixed {
  if (x === one) return eulerOf23Bits;
  return x < 0 ? divide(one, power) : power;
}

/**
 * Σ xⁱ/i! for 0 ≤ x ≤ 8. A term is ⌊⌊t·x/2³²⌋/i⌋ = ⌊t·x/(2³²·i)⌋, below 2⁴². The rounded value, off by at most 2⁻¹⁰,
 * decides unless it is too close to an integer to tell; below 1 only the upper side is in doubt.
 */
function seriesInDoubles(x: Float64Array): Float64Array {
  const term = x.slice();
  const sum = x.map((value) => value + one);
  for (let order = 2, rest = 1; order < termCount && rest > 0; order++) {
    rest = 0;
    const scale = 1 / (one * order);
    for (let index = 0; index < x.length; index++) {
      const value = term[index]! * x[index]! * scale;
      const upper = Math.trunc(value + doubt);
      const next = upper === Math.trunc(value - doubt) ? upper : nextTerm(term[index]!, x[index]!, order);
      term[index] = next;
      sum[index]! += next;
      rest += next;
    }
  }
  return sum;
}

/** The same term exactly: with both factors split at 2¹⁶, every product of parts is an integer below 2⁵³. */
function nextTerm(term: Fixed, x: Fixed, order: number): Fixed {
  const [termHigh, xHigh] = [Math.floor(term * perHalf), Math.floor(x * perHalf)];
  const [termLow, xLow] = [term - termHigh * half, x - xHigh * half];
  const middle = termHigh * xLow + termLow * xHigh + Math.floor(termLow * xLow * perHalf);
  return Math.floor((termHigh * xHigh + Math.floor(middle * perHalf)) / order);
}

/**
 * The whole for 8 < |x| ≤ 20, which only an unusual steepness reaches; e²⁰ does not fit a double's 53 bits. There the
 * quotient is below 2²¹, and the truncated terms make the chain's sum smaller than the true one by less than 10⁻¹⁰ of it:
 * both ends of that range mostly have the same floor.
 */
function wideSigmoid(x: Fixed): Fixed {
  const power = widePower(Math.abs(x) / one);
  const offset = x < 0 ? 0 : 1;
  const low = Math.floor((one / (offset + power)) * (1 - wideError));
  const high = Math.floor((one / (offset + power)) * (1 + wideError));
  const quotient = low === high ? low : exactQuotient(x);
  return x < 0 ? divide(one, one + quotient) : quotient;
}

/** Σ xⁱ/i! by Horner's rule, without any truncation. */
function widePower(x: number): number {
  let sum = 1;
  for (let order = termCount - 1; order > 0; order--) sum = 1 + (sum * x) / order;
  return sum;
}

/** e⁻|x| for x < 0, else 1/(1 + eˣ), by the chain's own series. */
function exactQuotient(x: Fixed): Fixed {
  const magnitude = BigInt(Math.abs(x));
  let term = magnitude;
  let sum = magnitude + BigInt(one);
  for (let order = 2n; order < BigInt(termCount); order++) {
    term = ((term * magnitude) >> 32n) / order;
    sum += term;
  }
  return Number((1n << 64n) / (x < 0 ? sum : BigInt(one) + sum));
}
