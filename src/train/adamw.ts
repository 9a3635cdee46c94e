/**
 * AdamW (Loshchilov and Hutter, 2019, algorithm 2): Adam with weight decay taken off the parameter itself, not added to
 * the gradient. State, parameters and the arithmetic are f32, as torch's are; what a step takes off a parameter is summed
 * before it is taken off, so that a decay far below the parameter's last digit is not lost on the way.
 */
import { assert } from "../base/assert.ts";

const f32 = Math.fround;

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  /** Added to √v̂, outside the root. */
  readonly epsilon: number;
  /** Per step a parameter shrinks by learningRate · weightDecay of itself. */
  readonly weightDecay: number;
}

export const adamWDefaults: AdamWOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

/** Of one step, the same for all tensors. */
export interface AdamWUpdate extends AdamWOptions {
  /** Counts from 1. */
  readonly step: number;
  readonly learningRate: number;
  /** What clipping multiplies every gradient with. */
  readonly gradientScale: number;
}

/** What must be kept between two steps of one tensor, both of the tensor's size, zero at the start. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export function createMoments(size: number): Moments {
  return { first: new Float32Array(size), second: new Float32Array(size) };
}

/** One update in place. */
export function stepAdamW(
  parameter: Float32Array,
  gradient: Float32Array,
  moments: Moments,
  update: AdamWUpdate,
): void {
  const { beta1, beta2, epsilon, weightDecay, step, learningRate } = update;
  const { first, second } = moments;
  assert(step >= 1 && parameter.length === gradient.length && first.length === gradient.length, "AdamW step");
  // m̂ / (√v̂ + ε) with both corrections taken out of the loop: divisions and roots are most of a step's time.
  const secondCorrection = Math.sqrt(1 - beta2 ** step);
  const stepSize = f32((learningRate / (1 - beta1 ** step)) * secondCorrection);
  const floor = f32(epsilon * secondCorrection);
  const decay = f32(learningRate * weightDecay);
  const freshFirst = f32(1 - beta1);
  const freshSecond = f32(1 - beta2);
  const keptSecond = f32(beta2);
  const scale = f32(update.gradientScale);
  const size = parameter.length;
  // Rounded at every operation, and no number out of a list, or the engine computes in f64, which takes a third longer.
  for (let index = 0; index < size; index++) {
    const g = f32(gradient[index]! * scale);
    const before = first[index]!;
    const m = f32(before + f32(f32(g - before) * freshFirst));
    const v = f32(f32(second[index]! * keptSecond) + f32(f32(g * g) * freshSecond));
    first[index] = m;
    second[index] = v;
    const value = parameter[index]!;
    const adapted = f32(f32(stepSize * m) / f32(f32(Math.sqrt(v)) + floor));
    parameter[index] = f32(value - f32(f32(value * decay) + adapted));
  }
}

/** The factor that brings a norm down to `normMax`, 1 when it is below. The 1e-6 is PyTorch's, so that results compare. */
export function clipScale(norm: number, normMax: number): number {
  return Math.min(1, normMax / (norm + 1e-6));
}
