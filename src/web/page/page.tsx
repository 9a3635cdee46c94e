/** The page: where everybody stands, how it came to be, what happened, and a model to talk to. */
import { type ComponentChildren, render } from "preact";
import { useEffect } from "preact/hooks";
import type { Overview } from "../answers.ts";
import { Chat } from "./chat.tsx";
import { EventList } from "./events.tsx";
import { LeaderboardView } from "./leaderboard.tsx";
import { MinerView } from "./miner.tsx";
import { hrefOf, type Place, usePlace, type View } from "./place.ts";
import { useAnswer, useChanges } from "./state.ts";
import "./page.css";

function Page() {
  const place = usePlace();
  const { version, connected } = useChanges();
  const { value: overview, error } = useAnswer<Overview>("/api/overview", version);
  const { view, uid } = place;
  useEffect(() => {
    document.title = `${view === "miner" ? `miner ${uid}` : view} – finetune`;
  }, [view, uid]);
  return (
    <>
      <Header place={place} overview={overview} connected={connected} />
      <main>
        {error !== undefined && <p class="problem">{error}</p>}
        {overview !== undefined && <Shown place={place} overview={overview} version={version} />}
        {overview?.chat && (
          <div hidden={view !== "chat"}>
            <Chat model={overview.chat} />
          </div>
        )}
      </main>
    </>
  );
}

interface ShownProps {
  readonly place: Place;
  readonly overview: Overview;
  readonly version: string;
}

function Shown({ place, overview, version }: ShownProps) {
  if (place.view === "events") return <EventList version={version} />;
  if (place.view === "miner" && place.uid !== undefined)
    return <MinerView key={place.uid} uid={place.uid} place={place} version={version} />;
  if (place.view === "chat")
    return overview.chat === null ? <p class="quiet">No model is here to talk to: start with --model.</p> : null;
  return <LeaderboardView place={place} overview={overview} version={version} />;
}

interface HeaderProps {
  readonly place: Place;
  readonly overview: Overview | undefined;
  readonly connected: boolean;
}

function Header({ place, overview, connected }: HeaderProps) {
  const link = (view: View, text: ComponentChildren) => (
    <a href={hrefOf({ ...place, view })} aria-current={place.view === view ? "page" : undefined}>
      {text}
    </a>
  );
  return (
    <header>
      <h1>
        finetune{" "}
        {overview !== undefined && overview.netuid !== null && <span class="subnet">subnet {overview.netuid}</span>}
      </h1>
      <nav aria-label="Views">
        {link("leaderboard", "Leaderboard")}
        {link("events", "Events")}
        {overview?.chat && link("chat", "Chat")}
      </nav>
      <p class={connected ? "live" : "live lost"} role="status">
        {connected ? "live" : "connection lost"}
      </p>
    </header>
  );
}

render(<Page />, document.getElementById("page")!);
