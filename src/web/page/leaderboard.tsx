/** Where everybody stands after a round, and how the best came there. */
import type { Board, BoardRow, Course, Overview } from "../answers.ts";
import { Chart } from "./chart.tsx";
import { hrefOf, type Place } from "./place.ts";
import { useAnswer } from "./state.ts";
import { type Column, Table } from "./table.tsx";
import { count, decimal, percent, short, time } from "./text.ts";

interface LeaderboardProps {
  readonly place: Place;
  readonly overview: Overview;
  readonly version: string;
}

export function LeaderboardView({ place, overview, version }: LeaderboardProps) {
  const finished = overview.rounds.filter(({ state }) => state === "finished");
  const competition = place.competition ?? finished[0]?.competitionId;
  const rounds = finished.filter(({ competitionId }) => competitionId === competition);
  const block = place.block ?? rounds[0]?.syncBlock;
  const query = block === undefined ? undefined : `competition=${competition}&block=${block}`;
  const { value: board, error } = useAnswer<Board>(query && `/api/leaderboard?${query}`, version);
  const { value: course } = useAnswer<Course>(query && `/api/course?${query}`, version);
  if (finished.length === 0) return <Waiting overview={overview} />;
  return (
    <>
      <Choice place={{ ...place, competition, block: place.block }} overview={overview} />
      {error !== undefined && <p class="problem">{error}</p>}
      {board !== undefined && <Standings board={board} place={{ ...place, competition }} />}
      {course !== undefined && course.blocks.length > 1 && (
        <Chart
          title={`${scoreWord(board)} by round, the best of this round`}
          blocks={course.blocks}
          series={[
            { label: "best of each round", values: course.best },
            ...course.series.map(({ uid, scores }) => ({ label: `uid ${uid}`, values: scores })),
          ]}
        />
      )}
      {board !== undefined && board.refused.length > 0 && <Refused board={board} place={place} />}
    </>
  );
}

function Waiting({ overview: { rounds } }: Pick<LeaderboardProps, "overview">) {
  const open = rounds.find(({ state }) => state === "open");
  return (
    <p class="quiet">
      {open === undefined
        ? "No round has begun yet. This page shows the first one when it is finished."
        : `The first round, of block ${count(open.syncBlock)}, is being measured. It appears here when it is finished.`}
    </p>
  );
}

/** Which competition, and which of its rounds. */
function Choice({ place, overview }: Pick<LeaderboardProps, "place" | "overview">) {
  const names = new Map(overview.rounds.toReversed().map(({ competitionId, name }) => [competitionId, name]));
  const rounds = overview.rounds.filter(
    ({ state, competitionId }) => state === "finished" && competitionId === place.competition,
  );
  const open = overview.rounds.find(
    ({ state, competitionId }) => state === "open" && competitionId === place.competition,
  );
  const go = (to: Place) => {
    location.hash = hrefOf(to);
  };
  return (
    <form class="choice">
      <label>
        Competition{" "}
        <select
          value={place.competition}
          onChange={({ currentTarget }) => go({ view: "leaderboard", competition: Number(currentTarget.value) })}
        >
          {[...names]
            .sort(([a], [b]) => a - b)
            .map(([id, name]) => (
              <option key={id} value={id}>
                {id} · {name}
              </option>
            ))}
        </select>
      </label>
      <label>
        Round{" "}
        <select
          value={place.block ?? ""}
          onChange={({ currentTarget: { value } }) =>
            go({ view: "leaderboard", competition: place.competition, block: value === "" ? undefined : Number(value) })
          }
        >
          <option value="">newest</option>
          {rounds.map(({ syncBlock, finishedAt }) => (
            <option key={syncBlock} value={syncBlock}>
              block {count(syncBlock)}
              {finishedAt === null ? "" : ` · ${time(finishedAt)}`}
            </option>
          ))}
        </select>
      </label>
      {open !== undefined && <span class="quiet">block {count(open.syncBlock)} is being measured</span>}
    </form>
  );
}

function scoreWord(board: Board | undefined): "Loss" | "Score" {
  return board?.rows.some(({ tasks }) => Object.keys(tasks).length > 1) ? "Score" : "Loss";
}

function Standings({ board, place }: { readonly board: Board; readonly place: Place }) {
  const most = Math.max(...board.rows.map(({ subnetWeight }) => subnetWeight), Number.MIN_VALUE);
  const word = scoreWord(board);
  const columns: Column<BoardRow>[] = [
    { head: "Rank", cell: ({ rank }) => rank, isNumber: true },
    {
      head: "Uid",
      cell: ({ uid }) => (
        <a href={hrefOf({ ...place, view: "miner", block: board.syncBlock, uid })} aria-label={`Miner ${uid}`}>
          {uid}
        </a>
      ),
      isNumber: true,
      isHead: true,
    },
    { head: "Model", cell: ({ repo, revision }) => <Model repo={repo} revision={revision} /> },
    { head: "Hotkey", cell: ({ hotkey }) => <code title={hotkey}>{short(hotkey)}</code>, isMinor: true },
    { head: word, title: scoreTitle(word), cell: (row) => <Score row={row} />, isNumber: true },
    {
      head: "Win rate",
      title: "matches won of all against every rival",
      cell: ({ winRate }) => percent(winRate),
      isNumber: true,
      isMinor: true,
    },
    {
      head: "Round",
      title: "weight of this round",
      cell: (row) => decimal(row.roundWeight),
      isNumber: true,
      isMinor: true,
    },
    {
      head: "Average",
      title: "moving average over rounds",
      cell: (row) => decimal(row.average),
      isNumber: true,
      isMinor: true,
    },
    {
      head: "Weight",
      title: "part of the subnet's weights after the round",
      cell: ({ subnetWeight }) => (
        <span class="bar">
          <span style={{ width: `${(100 * subnetWeight) / most}%` }} />
          {decimal(subnetWeight)}
        </span>
      ),
      isNumber: true,
    },
    {
      head: "Incentive",
      title: "as the chain last showed it",
      cell: ({ incentive }) => decimal(incentive),
      isNumber: true,
    },
  ];
  return (
    <>
      <h2>{board.name}</h2>
      <Table
        caption={`After the round of block ${count(board.syncBlock)}${board.finishedAt === null ? "" : `, finished ${time(board.finishedAt)}`}`}
        columns={columns}
        rows={board.rows}
        keyOf={({ uid }) => String(uid)}
        classOf={({ subnetWeight }) => (subnetWeight > 0 ? "paid" : undefined)}
      />
    </>
  );
}

function scoreTitle(word: string): string {
  return word === "Loss" ? "mean loss in nats, lower is better" : "weighted sum of all tasks, lower is better";
}

function Model({ repo, revision }: { readonly repo: string | null; readonly revision: string | null }) {
  if (repo === null) return <>–</>;
  return (
    <span class="model" title={`${repo}@${revision}`}>
      <bdi>{repo}</bdi>
      {revision !== null && <code>@{revision.slice(0, 8)}</code>}
    </span>
  );
}

function Score({ row: { outcome, duplicateOf, score, tasks } }: { readonly row: BoardRow }) {
  if (outcome === "duplicate") return <span class="quiet">same as {duplicateOf}</span>;
  if (outcome === "failed") return <span class="bad">failed</span>;
  const parts = Object.entries(tasks).map(([task, raw]) => `${task} ${decimal(raw, 5)}`);
  return <span title={parts.join("\n")}>{decimal(score, 5)}</span>;
}

function Refused({ board, place }: { readonly board: Board; readonly place: Place }) {
  return (
    <>
      <h2>Did not contend</h2>
      <Table
        caption="Whose model was not measured in this round, and why"
        rows={board.refused}
        keyOf={({ uid }) => String(uid)}
        columns={[
          {
            head: "Uid",
            cell: ({ uid }) => (
              <a
                href={hrefOf({ view: "miner", competition: place.competition, block: board.syncBlock, uid })}
                aria-label={`Miner ${uid}`}
              >
                {uid}
              </a>
            ),
            isNumber: true,
            isHead: true,
          },
          { head: "Model", cell: ({ repo }) => <Model repo={repo} revision={null} /> },
          { head: "Hotkey", cell: ({ hotkey }) => <code title={hotkey}>{short(hotkey)}</code>, isMinor: true },
          { head: "Why", cell: ({ state, reason }) => <span class="bad">{reason ?? state}</span> },
          { head: "Detail", cell: ({ detail }) => <bdi class="detail">{detail ?? ""}</bdi> },
        ]}
      />
    </>
  );
}
