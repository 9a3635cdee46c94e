import { expect, test } from "bun:test";
import fc from "fast-check";
import { capShares, u16Max, upscale, weightRow } from "./weights.ts";

const free = { minAllowedWeights: 1, maxWeightsLimit: u16Max, neurons: 256 };
const shares = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 64 });

test("a row is max-upscaled as the chain stores it", () => {
  expect(upscale([1, 2, 3, 4])).toEqual([16384, 32768, 49151, 65535]);
  expect(upscale([0, 0])).toEqual([0, 0]);
  expect(weightRow([9, 3], [0.25, 0.75], free)).toEqual({
    uids: [3, 9],
    values: [65535, 21845],
    dust: [],
    droppedOwn: false,
  });
});

test("upscaling what is upscaled changes nothing", () => {
  fc.assert(fc.property(shares, (weights) => expect(upscale(upscale(weights))).toEqual(upscale(weights))));
});

test("the largest is 65535, order is kept, and what vanishes is named as dust", () => {
  fc.assert(
    fc.property(shares, (weights) => {
      const row = weightRow([...weights.keys()], weights, free);
      if (weights.every((weight) => weight === 0)) return expect(row.uids).toEqual([]);
      expect(Math.max(...row.values)).toBe(u16Max);
      const stored = new Map(row.uids.map((uid, index) => [uid, row.values[index]!]));
      for (const [uid, weight] of weights.entries()) {
        expect(stored.has(uid) || row.dust.includes(uid)).toBe(weight > 0);
        for (const [other, lesser] of weights.entries())
          if (lesser < weight) expect(stored.get(other) ?? 0).toBeLessThanOrEqual(stored.get(uid) ?? 0);
      }
    }),
  );
});

test("the own weight is dropped beside others, kept alone and kept for the owner", () => {
  const own = { uid: 1, isOwner: false };
  expect(weightRow([0, 1], [1, 1], { ...free, own })).toMatchObject({ uids: [0], droppedOwn: true });
  expect(weightRow([1], [1], { ...free, own })).toMatchObject({ uids: [1], values: [65535], droppedOwn: false });
  expect(weightRow([0, 1], [1, 1], { ...free, own: { uid: 1, isOwner: true } }).uids).toEqual([0, 1]);
});

test("too short a row is filled with zeros up to the subnet's minimum or its size", () => {
  expect(weightRow([5], [1], { ...free, minAllowedWeights: 3 })).toMatchObject({
    uids: [0, 1, 5],
    values: [0, 0, 65535],
  });
  expect(weightRow([1], [1], { ...free, minAllowedWeights: 8, neurons: 3 }).uids).toEqual([0, 1, 2]);
});

test("no share exceeds the limit wherever the limit can be kept", () => {
  const positive = fc.array(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 64 });
  const limits = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(positive, limits, (weights, limit) => {
      const capped = capShares(weights, limit);
      expect(capped.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
      if (limit * weights.length >= 1) expect(Math.max(...capped)).toBeLessThanOrEqual(limit + 1e-9);
    }),
  );
});

test("a capped row passes the runtime's check after rounding", () => {
  const rules = { ...free, maxWeightsLimit: Math.floor(u16Max * 0.2) };
  const row = weightRow([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [100, 50, 9, 8, 7, 6, 5, 4, 3, 2], rules);
  const total = row.values.reduce((sum, value) => sum + value, 0);
  expect(Math.max(...row.values) * u16Max).toBeLessThanOrEqual(rules.maxWeightsLimit * total);
});
