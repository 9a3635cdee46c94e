/** What happened, newest first. */
import type { Events } from "../answers.ts";
import { useAnswer } from "./state.ts";
import { Table } from "./table.tsx";
import { count, time } from "./text.ts";

export function EventList({ version }: { readonly version: string }) {
  const { value, error } = useAnswer<Events>("/api/events", version);
  return (
    <>
      <h2>Events</h2>
      {error !== undefined && <p class="problem">{error}</p>}
      {value?.events.length === 0 && <p class="quiet">Nothing notable has happened yet.</p>}
      {value !== undefined && value.events.length > 0 && (
        <Table
          caption="The newest first"
          rows={value.events}
          keyOf={({ id }) => String(id)}
          columns={[
            {
              head: "When",
              cell: ({ at }) => <time dateTime={new Date(at).toISOString()}>{time(at)}</time>,
              isHead: true,
            },
            {
              head: "Block",
              cell: ({ block }) => (block === null ? "–" : count(block)),
              isNumber: true,
              isMinor: true,
            },
            { head: "Level", cell: ({ level }) => <span class={level === "info" ? "quiet" : "bad"}>{level}</span> },
            { head: "What", cell: ({ kind }) => <code>{kind}</code>, isMinor: true },
            { head: "Message", cell: ({ message }) => <bdi class="detail">{message}</bdi> },
          ]}
        />
      )}
    </>
  );
}
