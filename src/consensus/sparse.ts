/**
 * Sparse matrices of validators (rows) by miners (columns), row by row. An entry that is present with the value 0 is not
 * the same as a missing one: the chain's liquid alpha keeps the bond of the first and drops that of the second.
 */
import { assert } from "../base/assert.ts";
import type { Uid } from "../subnet.ts";
import { divide, type Fixed, multiply } from "./fixed.ts";

/** A row as the chain stores it: (uid, u16) pairs in the order they were set. */
export type StoredRow = readonly (readonly [uid: Uid, value: number])[];

/** Row i holds the entries start[i] … start[i + 1] − 1. Values are I32F32 units, or plain integers where said. */
export interface Sparse {
  readonly size: number;
  readonly start: Int32Array;
  readonly column: Uint16Array;
  readonly value: Float64Array;
}

/** Collects entries in row order into a matrix. */
export class SparseBuilder {
  readonly #start: Int32Array;
  #column: Uint16Array;
  #value: Float64Array;
  #length = 0;
  #rows = 0;

  constructor(
    readonly size: number,
    capacity: number,
  ) {
    this.#start = new Int32Array(size + 1);
    this.#column = new Uint16Array(capacity);
    this.#value = new Float64Array(capacity);
  }

  push(column: Uid, value: number): void {
    if (this.#length === this.#value.length) this.#grow();
    this.#column[this.#length] = column;
    this.#value[this.#length++] = value;
  }

  endRow(): void {
    this.#start[++this.#rows] = this.#length;
  }

  build(): Sparse {
    assert(this.#rows === this.size, "a sparse matrix has every row ended");
    return {
      size: this.size,
      start: this.#start,
      column: this.#column.subarray(0, this.#length),
      value: this.#value.subarray(0, this.#length),
    };
  }

  #grow(): void {
    const capacity = Math.max(64, 2 * this.#length);
    const column = new Uint16Array(capacity);
    const value = new Float64Array(capacity);
    column.set(this.#column);
    value.set(this.#value);
    this.#column = column;
    this.#value = value;
  }
}

/** Stored rows as a matrix of plain integers; entries that `keeps` refuses, or beyond the subnet, are left out. */
export function fromStored(
  rows: readonly StoredRow[],
  size: number,
  keeps: (row: Uid, column: Uid) => boolean,
): Sparse {
  const builder = new SparseBuilder(
    size,
    rows.reduce((count, row) => count + row.length, 0),
  );
  for (let row = 0; row < size; row++) {
    for (const [column, value] of rows[row] ?? []) if (column < size && keeps(row, column)) builder.push(column, value);
    builder.endRow();
  }
  return builder.build();
}

/** The matrix with every value replaced; the pattern of entries stays. */
export function mapValues(matrix: Sparse, to: (value: Fixed, row: Uid, column: Uid) => Fixed): Sparse {
  const value = new Float64Array(matrix.value.length);
  for (let row = 0; row < matrix.size; row++)
    for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++)
      value[at] = to(matrix.value[at]!, row, matrix.column[at]!);
  return { ...matrix, value };
}

export function rowSums(matrix: Sparse): Float64Array {
  const sums = new Float64Array(matrix.size);
  for (let row = 0; row < matrix.size; row++)
    for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++) sums[row]! += matrix.value[at]!;
  return sums;
}

export function columnSums(matrix: Sparse): Float64Array {
  const sums = new Float64Array(matrix.size);
  for (let at = 0; at < matrix.value.length; at++) sums[matrix.column[at]!]! += matrix.value[at]!;
  return sums;
}

/** Each row divided by its sum. Only the ratio counts, so rows of plain integers become proportions. */
export function normalizeRows(matrix: Sparse): Sparse {
  const sums = rowSums(matrix);
  return mapValues(matrix, (value, row) => divide(value, sums[row]!));
}

/** Each column divided by its sum, likewise. */
export function normalizeColumns(matrix: Sparse): Sparse {
  const sums = columnSums(matrix);
  return mapValues(matrix, (value, _row, column) => divide(value, sums[column]!));
}

/** Each column divided by its greatest entry. */
export function upscaleColumns(matrix: Sparse): Sparse {
  const greatest = new Float64Array(matrix.size);
  for (let at = 0; at < matrix.value.length; at++) {
    const column = matrix.column[at]!;
    if (matrix.value[at]! > greatest[column]!) greatest[column] = matrix.value[at]!;
  }
  return mapValues(matrix, (value, _row, column) => divide(value, greatest[column]!));
}

/** Σᵢ vectorᵢ·matrixᵢⱼ for each column j. */
export function multiplyByRows(matrix: Sparse, vector: Float64Array): Float64Array {
  const result = new Float64Array(matrix.size);
  for (let row = 0; row < matrix.size; row++) {
    const scale = vector[row]!;
    for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++)
      result[matrix.column[at]!]! += multiply(scale, matrix.value[at]!);
  }
  return result;
}

/** Σⱼ vectorⱼ·matrixᵢⱼ for each row i. */
export function multiplyByColumns(matrix: Sparse, vector: Float64Array): Float64Array {
  const result = new Float64Array(matrix.size);
  for (let row = 0; row < matrix.size; row++)
    for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++)
      result[row]! += multiply(vector[matrix.column[at]!]!, matrix.value[at]!);
  return result;
}

/** A row spread over a dense vector; missing entries are 0. */
export function spreadRow(matrix: Sparse, row: Uid, into: Float64Array): Float64Array {
  into.fill(0);
  for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++) into[matrix.column[at]!] = matrix.value[at]!;
  return into;
}
