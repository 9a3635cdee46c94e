/** A table for people; `src/cli/output.ts` renders it. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}
