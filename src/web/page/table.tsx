/** A table that scrolls sideways by itself where the screen is narrow, also by keyboard. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface Column<R> {
  readonly head: string;
  /** What the head means, for who hovers over it. */
  readonly title?: string;
  readonly cell: (row: R) => ComponentChildren;
  /** Numbers stand right, under each other. */
  readonly isNumber?: boolean;
  /** Left out on a phone. */
  readonly isMinor?: boolean;
  /** Names the row. */
  readonly isHead?: boolean;
}

interface TableProps<R> {
  readonly caption: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly keyOf: (row: R) => string;
  readonly classOf?: (row: R) => string | undefined;
}

export function Table<R>({ caption, columns, rows, keyOf, classOf }: TableProps<R>) {
  const id = useId();
  const classes = ({ isNumber, isMinor }: Column<R>) =>
    [isNumber && "number", isMinor && "minor"].filter(Boolean).join(" ");
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-labelledby={id} tabIndex={0}>
      <table>
        <caption id={id}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" class={classes(column)} title={column.title}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} class={classOf?.(row)}>
              {columns.map((column) =>
                column.isHead ? (
                  <th key={column.head} scope="row" class={classes(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.head} class={classes(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
