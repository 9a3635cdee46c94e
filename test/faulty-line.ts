/** A line between the validator and its chain that can be made to fail: a TCP proxy on the loopback. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** `cut`: closed, and no new connection. `silent`: open, and nothing comes back. `nonsense`: answers that mean nothing. */
export type LineState = "sound" | "cut" | "silent" | "nonsense";

export interface FaultyLine {
  readonly url: string;
  /** Connections since the start. */
  readonly connections: () => number;
  set(state: LineState): void;
  close(): void;
}

/** A frame of a WebSocket whose text is neither JSON-RPC nor JSON. */
const nonsense = Buffer.concat([Buffer.from([0x81, 9]), Buffer.from("{nonsense")]);

export async function startFaultyLine(chainUrl: string): Promise<FaultyLine> {
  const { hostname, port } = new URL(chainUrl);
  const open = new Set<Socket>();
  let state: LineState = "sound";
  let count = 0;
  const server = createServer((near) => {
    count += 1;
    if (state === "cut") return void near.destroy();
    const far = connect(Number(port), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
    near.on("data", (bytes) => far.write(bytes));
    far.on("data", (bytes) => {
      if (state === "sound") near.write(bytes);
      else if (state === "nonsense") near.write(nonsense);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const drop = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => count,
    set(next) {
      state = next;
      if (next === "cut") drop();
    },
    close() {
      server.close();
      drop();
    },
  };
}
