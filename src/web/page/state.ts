/** What the server says, kept up to date: it tells when something has changed, and what is shown is asked for again. */
import { useEffect, useState } from "preact/hooks";
import type { Problem } from "../answers.ts";

export interface Answer<T> {
  readonly value?: T;
  readonly error?: string;
}

/**
 * The answer at an address, asked for again whenever `version` changes. What was there stays until the new one is; of
 * another address nothing stays.
 */
export function useAnswer<T>(address: string | undefined, version: string): Answer<T> {
  const [held, setHeld] = useState<Answer<T> & { readonly address?: string }>({});
  // Another version means to ask the same again.
  useEffect(() => {
    if (address === undefined) return;
    const leaving = new AbortController();
    ask<T>(address, leaving.signal).then(
      (value) => setHeld({ address, value }),
      (error: Error) => {
        if (!leaving.signal.aborted)
          setHeld(({ value, address: of }) => keep(of === address ? value : undefined, error));
      },
    );
    const keep = (value: T | undefined, { message: error }: Error) =>
      value === undefined ? { address, error } : { address, error, value };
    return () => leaving.abort();
  }, [address, version]);
  return held.address === address ? held : {};
}

async function ask<T>(address: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(address, { signal });
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
  throw new Error(problem.error ?? `The server answers with ${response.status}.`);
}

export interface Live {
  /** Of the state, as the server last said; another one after each change. */
  readonly version: string;
  readonly connected: boolean;
}

/** Listens for changes; the browser connects again by itself. */
export function useChanges(): Live {
  const [live, setLive] = useState<Live>({ version: "", connected: true });
  useEffect(() => {
    const source = new EventSource("/api/changes");
    source.onmessage = ({ data }) => setLive({ version: String(data), connected: true });
    source.onopen = () => setLive(({ version }) => ({ version, connected: true }));
    source.onerror = () => setLive(({ version }) => ({ version, connected: false }));
    return () => source.close();
  }, []);
  return live;
}
