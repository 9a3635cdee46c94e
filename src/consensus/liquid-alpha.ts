/** Liquid alpha: how fast a bond follows, by how far the validator's weight is from the consensus. Step 11. */
import type { LiquidAlpha } from "./epoch-input.ts";
import { type Fixed, multiply, one, u16ToProportion } from "./fixed.ts";
import { sigmoids } from "./sigmoid.ts";

/** How far a weight that buys is above the consensus, or how far one that sells is below the bond. */
export function differenceOf(weight: Fixed, bond: Fixed, consensus: Fixed): Fixed {
  return weight >= bond ? clamp(weight - consensus, 0, one) : clamp(bond - weight, 0, one);
}

/** The alpha of each difference d: low + (high − low)·σ(steepness/100·(d − ½)). */
export function alphasOf(differences: Float64Array, { low, high, steepness }: LiquidAlpha): Float64Array {
  const lowAlpha = u16ToProportion(low);
  const highAlpha = u16ToProportion(high);
  // The chain divides by −100, which truncates towards 0.
  const slope = Math.trunc((steepness * one) / -100);
  const exponents = differences.map((difference) => multiplySigned(slope, difference - one / 2));
  return sigmoids(exponents).map((sigmoid) =>
    clamp(lowAlpha + multiply(sigmoid, highAlpha - lowAlpha), lowAlpha, highAlpha),
  );
}

/** ⌊slope·x / 2³²⌋ for any sign: the slope's whole part times x is an integer, so only its fraction needs the floor. */
function multiplySigned(slope: Fixed, x: Fixed): Fixed {
  const whole = Math.floor(slope / one);
  return whole * x + multiply(slope - whole * one, x);
}

/** Above first, then below: this is the order that decides when the bounds are crossed. */
function clamp(value: Fixed, low: Fixed, high: Fixed): Fixed {
  return Math.max(low, Math.min(high, value));
}
