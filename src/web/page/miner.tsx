/** One miner: its rounds as lines and as a table, and in words why it has its weight. */
import { useEffect, useRef } from "preact/hooks";
import type { HistoryRow } from "../../store/leaderboard.ts";
import type { ExplanationWords, MinerHistory } from "../answers.ts";
import { Chart } from "./chart.tsx";
import { hrefOf, type Place } from "./place.ts";
import { useAnswer } from "./state.ts";
import { Table } from "./table.tsx";
import { count, decimal, percent } from "./text.ts";

interface MinerProps {
  readonly uid: number;
  readonly place: Place;
  readonly version: string;
}

export function MinerView({ uid, place, version }: MinerProps) {
  const { value: history, error } = useAnswer<MinerHistory>(`/api/miners/${uid}`, version);
  const newest = history?.rounds[0];
  const competition = place.competition ?? newest?.competitionId;
  const own = history?.rounds.filter((row) => row.competitionId === competition) ?? [];
  const chosen = own.find(({ syncBlock }) => syncBlock === place.block) ?? own[0];
  const heading = useRef<HTMLHeadingElement>(null);
  // Who came here by a link hears where it led.
  useEffect(() => heading.current?.focus(), []);
  return (
    <>
      <p>
        <a href={hrefOf({ view: "leaderboard", competition: place.competition })}>← Leaderboard</a>
      </p>
      <h2 ref={heading} tabIndex={-1}>
        Miner {uid}
      </h2>
      {error !== undefined && <p class="problem">{error}</p>}
      {chosen !== undefined && (
        <>
          <p class="quiet">
            <code>{chosen.hotkey}</code>
          </p>
          <Explanation uid={uid} row={chosen} version={version} />
          <Courses rows={own.toReversed()} />
          <Rounds uid={uid} rows={own} chosen={chosen} />
        </>
      )}
    </>
  );
}

function Explanation({
  uid,
  row,
  version,
}: {
  readonly uid: number;
  readonly row: HistoryRow;
  readonly version: string;
}) {
  const address = `/api/miners/${uid}/explanation?competition=${row.competitionId}&block=${row.syncBlock}`;
  const { value, error } = useAnswer<ExplanationWords>(address, version);
  return (
    <section class="card" aria-labelledby="why">
      <h3 id="why">Why it has its weight after the round of block {count(row.syncBlock)}</h3>
      {error !== undefined && <p class="quiet">{error}</p>}
      {value?.words.map((line) => (
        <p key={line} class={line.startsWith(" ") ? "inner" : undefined}>
          {line}
        </p>
      ))}
    </section>
  );
}

function Courses({ rows }: { readonly rows: readonly HistoryRow[] }) {
  if (rows.length < 2) return null;
  const blocks = rows.map(({ syncBlock }) => syncBlock);
  return (
    <div class="pair">
      <Chart
        title="Score by round"
        blocks={blocks}
        series={[{ label: "score", values: rows.map(({ score }) => score) }]}
      />
      <Chart
        title="Weight by round"
        blocks={blocks}
        series={[
          { label: "average", values: rows.map(({ average }) => average ?? 0) },
          { label: "subnet", values: rows.map(({ subnetWeight }) => subnetWeight ?? 0) },
        ]}
      />
    </div>
  );
}

interface RoundsProps {
  readonly uid: number;
  readonly rows: readonly HistoryRow[];
  readonly chosen: HistoryRow;
}

function Rounds({ uid, rows, chosen }: RoundsProps) {
  return (
    <>
      <h3>Rounds</h3>
      <Table
        caption="Newest first; a block explains that round"
        rows={rows}
        keyOf={({ syncBlock }) => String(syncBlock)}
        classOf={(row) => (row === chosen ? "chosen" : undefined)}
        columns={[
          {
            head: "Block",
            cell: ({ syncBlock, competitionId }) => (
              <a href={hrefOf({ view: "miner", uid, competition: competitionId, block: syncBlock })}>
                {count(syncBlock)}
              </a>
            ),
            isNumber: true,
            isHead: true,
          },
          {
            head: "Model",
            cell: ({ repo, revision }) => (
              <span class="model" title={`${repo}@${revision}`}>
                <bdi>{repo ?? "–"}</bdi>
                {revision !== null && <code>@{revision.slice(0, 8)}</code>}
              </span>
            ),
          },
          {
            head: "Result",
            cell: ({ state, outcome, reason }) => (state === "contends" ? (outcome ?? "open") : (reason ?? state)),
          },
          { head: "Rank", cell: ({ rank }) => rank ?? "–", isNumber: true },
          { head: "Score", cell: ({ score }) => decimal(score, 5), isNumber: true },
          { head: "Win rate", cell: ({ winRate }) => percent(winRate), isNumber: true, isMinor: true },
          { head: "Round", cell: ({ roundWeight }) => decimal(roundWeight), isNumber: true, isMinor: true },
          { head: "Average", cell: ({ average }) => decimal(average), isNumber: true },
          { head: "Subnet", cell: ({ subnetWeight }) => decimal(subnetWeight), isNumber: true },
        ]}
      />
    </>
  );
}
