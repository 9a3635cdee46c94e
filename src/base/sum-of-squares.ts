/** Σ x², summed in f64, and in four sums, because one would wait for each addition to finish before the next. */
export function sumOfSquares(values: Float32Array): number {
  const fours = values.length - (values.length % 4);
  // Each declared alone: the engine is slow with numbers that it has unpacked from a list.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let index = 0; index < fours; index += 4) {
    a += values[index]! * values[index]!;
    b += values[index + 1]! * values[index + 1]!;
    c += values[index + 2]! * values[index + 2]!;
    d += values[index + 3]! * values[index + 3]!;
  }
  for (let index = fours; index < values.length; index++) a += values[index]! * values[index]!;
  return a + b + (c + d);
}
