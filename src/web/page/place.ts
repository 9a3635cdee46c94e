/** Where the reader is, kept in the address behind `#`: it can be shared, and the browser's own buttons go back. */
import { useEffect, useState } from "preact/hooks";

export type View = "leaderboard" | "miner" | "events" | "chat";

export interface Place {
  readonly view: View;
  readonly competition?: number | undefined;
  /** A sync block; absent: the newest finished round. */
  readonly block?: number | undefined;
  readonly uid?: number | undefined;
}

export function hrefOf({ view, ...numbers }: Place): string {
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return `#${new URLSearchParams([["view", view], ...given.map(([name, value]) => [name, String(value)])])}`;
}

export function placeOf(hash: string): Place {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (name: string) => (/^\d{1,15}$/.test(fields.get(name) ?? "") ? Number(fields.get(name)) : undefined);
  const uid = number("uid");
  const named = fields.get("view");
  const view =
    named === "events" || named === "chat" || (named === "miner" && uid !== undefined) ? named : "leaderboard";
  return { view, competition: number("competition"), block: number("block"), uid };
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const moved = () => setPlace(placeOf(location.hash));
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
}
