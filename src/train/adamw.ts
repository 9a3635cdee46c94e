/**
 * AdamW (Loshchilov and Hutter, 2019, algorithm 2): Adam with weight decay taken off the parameter itself, not added to
 * the gradient. State and parameters are f32, the arithmetic of one element is f64.
 */
import { assert } from "../base/assert.ts";

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
  const { beta1, beta2, epsilon, weightDecay, step, learningRate, gradientScale } = update;
  const { first, second } = moments;
  assert(step >= 1 && parameter.length === gradient.length && first.length === gradient.length, "AdamW step");
  const keep = 1 - learningRate * weightDecay;
  // m̂ / (√v̂ + ε) with both corrections taken out of the loop: divisions and roots are most of a step's time.
  const secondCorrection = Math.sqrt(1 - beta2 ** step);
  const stepSize = (learningRate / (1 - beta1 ** step)) * secondCorrection;
  const floor = epsilon * secondCorrection;
  const freshFirst = 1 - beta1;
  const freshSecond = 1 - beta2;
  const size = parameter.length;
  for (let index = 0; index < size; index++) {
    const g = gradient[index]! * gradientScale;
    const before = first[index]!;
    const m = before + (g - before) * freshFirst;
    const v = second[index]! * beta2 + g * g * freshSecond;
    first[index] = m;
    second[index] = v;
    parameter[index] = parameter[index]! * keep - (stepSize * m) / (Math.sqrt(v) + floor);
  }
}

/** The L2 norm over all tensors together, summed in f64. */
export function gradientNorm(gradients: Iterable<Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients) for (let index = 0; index < gradient.length; index++) sum += gradient[index]! ** 2;
  return Math.sqrt(sum);
}

/** The factor that brings a norm down to `normMax`, 1 when it is below. The 1e-6 is PyTorch's, so that results compare. */
export function clipScale(norm: number, normMax: number): number {
  return Math.min(1, normMax / (norm + 1e-6));
}
