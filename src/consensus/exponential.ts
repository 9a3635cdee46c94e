/**
 * eˣ as the chain computes it: the Taylor series in I32F32 with every product and quotient truncated, so its error is
 * part of the protocol. Only liquid alpha needs it.
 */
import { divide, type Fixed, multiply, one } from "./fixed.ts";

/** The chain clamps the argument to ±20 beforehand. */
const argumentMax = 20 * one;
/** Up to here every term fits a double and eˣ stays within `divide`'s denominators; default steepness needs 5. */
const doubleArgumentMax = 8 * one;
/** The library has e as a constant of 23 fractional bits, and returns it for exactly 1. */
const eulerOf23Bits = Math.floor(Math.E * 2 ** 23) * 2 ** 9;
const termCount = 32;

/** eˣ in I32F32, x in I32F32 and clamped to ±20. */
export function exponential(x: Fixed): Fixed {
  const clamped = Math.max(-argumentMax, Math.min(argumentMax, x));
  if (clamped === 0) return one;
  // For −1 the constant does not apply: the library compares before it takes the magnitude.
  if (clamped === one) return eulerOf23Bits;
  const magnitude = Math.abs(clamped);
  return magnitude <= doubleArgumentMax
    ? fromSeries(seriesInDoubles(magnitude), clamped < 0)
    : fromWideSeries(seriesInBigInts(BigInt(magnitude)), clamped < 0);
}

function fromSeries(power: Fixed, isInverse: boolean): Fixed {
  return isInverse ? divide(one, power) : power;
}

function fromWideSeries(power: bigint, isInverse: boolean): Fixed {
  return Number(isInverse ? (1n << 64n) / power : power);
}

/** A term that has become 0 stays 0, so the rest of the 32 need not be visited. */
function seriesInDoubles(x: Fixed): Fixed {
  const whole = Math.floor(x / one);
  const fraction = x - whole * one;
  let term = x;
  let sum = x + one;
  for (let index = 2; index < termCount && term > 0; index++) {
    const termWhole = Math.floor(term / one);
    const termFraction = term - termWhole * one;
    const product = termWhole * x + whole * termFraction + multiply(termFraction, fraction);
    term = Math.floor(product / index);
    sum += term;
  }
  return sum;
}

function seriesInBigInts(x: bigint): bigint {
  let term = x;
  let sum = x + (1n << 32n);
  for (let index = 2n; index < BigInt(termCount) && term > 0n; index++) {
    term = ((term * x) >> 32n) / index;
    sum += term;
  }
  return sum;
}
