/**
 * A WebSocket endpoint in front of a real one that misbehaves on demand: what the chain client promises can only be
 * shown against a node that lies, stalls, forgets and breaks off.
 */
import type { ServerWebSocket } from "bun";

interface Line {
  upstream: WebSocket;
  /** Frames that came before the upstream socket was open. */
  waiting: string[];
}

export interface Frame {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
}

/** `undefined` passes a frame on, "drop" swallows it, "cut" ends the connection; text is sent in its place. */
export type Verdict = undefined | "drop" | "cut" | { readonly text: string };

export interface Misbehaviour {
  /** Of what the client asks; text answers in the node's place. */
  onRequest?: (frame: Frame) => Verdict;
  /** Of answers and notices; `method` is the question's. */
  onAnswer?: (frame: Frame, method: string | undefined) => Verdict;
}

export interface FaultyEndpoint {
  readonly url: string;
  /** Every request that clients have sent. */
  readonly requests: readonly Frame[];
  misbehave(how: Misbehaviour): void;
  /** Breaks every connection off. */
  cut(): void;
  close(): Promise<void>;
}

export function startFaultyEndpoint(target: string): FaultyEndpoint {
  let how: Misbehaviour = {};
  const requests: Frame[] = [];
  const lines = new Set<ServerWebSocket<Line>>();
  const server = Bun.serve<Line>({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, own) {
      const data: Line = { upstream: new WebSocket(target), waiting: [] };
      return own.upgrade(request, { data }) ? undefined : new Response("WebSocket only", { status: 426 });
    },
    websocket: {
      open(client) {
        lines.add(client);
        const { upstream, waiting } = client.data;
        upstream.addEventListener("open", () => {
          for (const text of waiting.splice(0)) upstream.send(text);
        });
        upstream.addEventListener("message", ({ data }) => {
          const frame = JSON.parse(String(data)) as Frame;
          const asked = requests.findLast(({ id }) => id !== undefined && id === frame.id);
          apply(client, how.onAnswer?.(frame, asked?.method), () => client.send(String(data)));
        });
        upstream.addEventListener("close", () => client.close());
      },
      message(client, data) {
        const text = String(data);
        const frame = JSON.parse(text) as Frame;
        requests.push(frame);
        const { upstream, waiting } = client.data;
        apply(client, how.onRequest?.(frame), () => {
          if (upstream.readyState === WebSocket.OPEN) upstream.send(text);
          else waiting.push(text);
        });
      },
      close(client) {
        lines.delete(client);
        client.data.upstream.close();
      },
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}`,
    requests,
    misbehave(next) {
      how = next;
    },
    cut() {
      for (const line of lines) line.terminate();
    },
    async close() {
      for (const line of lines) line.terminate();
      await server.stop(true);
    },
  };
}

function apply(client: ServerWebSocket<Line>, verdict: Verdict, pass: () => void): void {
  if (verdict === undefined) pass();
  else if (verdict === "cut") client.terminate();
  else if (verdict !== "drop") client.send(verdict.text);
}
