/** Liquid alpha: how fast a bond follows, by how far the validator's weight is from the consensus. Step 11. */
import type { LiquidAlpha } from "./epoch-input.ts";
import { exponential } from "./exponential.ts";
import { divide, type Fixed, multiply, one, u16ToProportion } from "./fixed.ts";

/** One weight, the bond that it meets and the consensus of its column. */
export interface Pull {
  readonly weight: Fixed;
  readonly bond: Fixed;
  readonly consensus: Fixed;
}

/**
 * The alpha of each bond: low + (high − low)·σ(steepness/100·(d − ½)), where d is how far a weight that buys is above
 * the consensus, or how far one that sells is below the bond. Keeps the last exponent, since most d of a subnet are 0.
 */
export function alphaOf({ low, high, steepness }: LiquidAlpha): (pull: Pull) => Fixed {
  const lowAlpha = u16ToProportion(low);
  const highAlpha = u16ToProportion(high);
  // The chain divides by −100, which truncates towards 0.
  const slope = Math.trunc((steepness * one) / -100);
  const known = new Map<Fixed, Fixed>();
  return (pull) => {
    const difference = differenceOf(pull);
    const cached = known.get(difference);
    if (cached !== undefined) return cached;
    const sigmoid = divide(one, one + exponential(multiplySigned(slope, difference - one / 2)));
    const alpha = clamp(lowAlpha + multiply(sigmoid, highAlpha - lowAlpha), lowAlpha, highAlpha);
    known.set(difference, alpha);
    return alpha;
  };
}

function differenceOf({ weight, bond, consensus }: Pull): Fixed {
  return weight >= bond ? clamp(weight - consensus, 0, one) : clamp(bond - weight, 0, one);
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
