/** Every uid of every round under every variant, as a table. */
import type { RoundEntry } from "./rescore.ts";
import { type Columns, type TableFormat, writeTable } from "./tabular.ts";

const columns: Columns = {
  variant: "text",
  competition_id: "integer",
  sync_block: "integer",
  uid: "integer",
  hotkey: "text",
  rank: "integer",
  score: "real",
  win_rate: "real",
  round_weight: "real",
  average: "real",
  subnet_weight: "real",
};

/** Begins the table; `add` awaits a reader that is slower. */
export function writeEntries(format: TableFormat, output: string | undefined) {
  const table = writeTable(format, columns, output);
  return {
    add: (entry: RoundEntry) =>
      table.write([
        entry.variant,
        entry.competitionId,
        entry.syncBlock,
        entry.uid,
        entry.hotkey,
        entry.rank,
        entry.score,
        entry.winRate,
        entry.roundWeight,
        entry.average,
        entry.subnetWeight,
      ]),
    end: () => table.end(),
  };
}
