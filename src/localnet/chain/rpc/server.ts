/** JSON-RPC 2.0 over WebSocket and HTTP POST: requests in, answers and notifications out. */

import { messageOf } from "../../../base/errors.ts";
import { log } from "../../../base/log.ts";
import type { Chain } from "../chain.ts";
import type { FaultInjector } from "../faults.ts";
import { Connection } from "./connection.ts";
import { RpcError } from "./error.ts";
import { methods } from "./methods.ts";

/** The largest message taken: an extrinsic of the largest size in hex, and room. */
const messageSizeBytesMax = 12 * 1024 * 1024;
/** A client that lets more than this pile up unread is cut off. */
const backlogSizeBytesMax = 64 * 1024 * 1024;

interface SocketData {
  connection: Connection | undefined;
}

export interface RpcServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export interface RpcOptions {
  readonly hostname: string;
  readonly port: number;
  readonly faults: FaultInjector;
}

export function serveRpc(chain: Chain, { hostname, port, faults }: RpcOptions): RpcServer {
  const { latencyMs } = faults.faults;
  const later = (send: () => void) => void (latencyMs === 0 ? send() : setTimeout(send, latencyMs));
  const server = Bun.serve<SocketData>({
    hostname,
    port,
    fetch: async (request, server) => {
      if (server.upgrade(request, { data: { connection: undefined } })) return undefined;
      if (request.method !== "POST") return new Response("JSON-RPC by WebSocket or POST.\n", { status: 405 });
      const replies: string[] = [];
      const connection = new Connection((text) => void replies.push(text));
      const answer = await answerText(chain, connection, await request.text());
      connection.close();
      return new Response(answer, { headers: { "content-type": "application/json" } });
    },
    websocket: {
      maxPayloadLength: messageSizeBytesMax,
      backpressureLimit: backlogSizeBytesMax,
      closeOnBackpressureLimit: true,
      open: (socket) => {
        socket.data.connection = new Connection((text) => later(() => void socket.send(text)));
      },
      message: async (socket, message) => {
        const fault = faults.draw();
        if (fault === "cut") socket.terminate();
        if (fault !== "serve") return;
        const text = typeof message === "string" ? message : message.toString();
        const answer = await answerText(chain, socket.data.connection!, text);
        if (answer !== undefined) later(() => void socket.send(answer));
      },
      close: (socket) => socket.data.connection?.close(),
    },
  });
  return { port: server.port!, close: () => server.stop(true) };
}

/** The answer to a text with one request or several; undefined where there were notifications alone. */
async function answerText(chain: Chain, connection: Connection, text: string): Promise<string | undefined> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return JSON.stringify(failure(null, new RpcError(-32700, "Parse error")));
  }
  if (!Array.isArray(parsed)) return stringify(await answerOne(chain, connection, parsed));
  if (parsed.length === 0) return JSON.stringify(failure(null, new RpcError(-32600, "Invalid request")));
  const replies = await Promise.all(parsed.map((each) => answerOne(chain, connection, each)));
  const real = replies.filter((reply) => reply !== undefined);
  return real.length === 0 ? undefined : JSON.stringify(real);
}

function stringify(reply: object | undefined): string | undefined {
  return reply === undefined ? undefined : JSON.stringify(reply);
}

async function answerOne(chain: Chain, connection: Connection, request: unknown): Promise<object | undefined> {
  const { id = undefined, method = undefined, params = [] } = isObject(request) ? request : {};
  if (typeof method !== "string") return failure(id ?? null, new RpcError(-32600, "Invalid request"));
  try {
    if (!Object.hasOwn(methods, method)) throw new RpcError(-32601, "Method not found");
    if (!Array.isArray(params)) throw new RpcError(-32602, "Invalid params: a list was expected");
    const result = await methods[method]!({ chain, connection }, params);
    return id === undefined ? undefined : { jsonrpc: "2.0", id, result: result ?? null };
  } catch (error) {
    if (!(error instanceof RpcError)) log.error(`${method} failed: ${messageOf(error)}`);
    return failure(id ?? null, error instanceof RpcError ? error : new RpcError(-32603, "Internal error"));
  }
}

function failure(id: unknown, { code, message, data }: RpcError): object {
  return { jsonrpc: "2.0", id, error: data === undefined ? { code, message } : { code, message, data } };
}

function isObject(value: unknown): value is { id?: unknown; method?: unknown; params?: unknown } {
  return typeof value === "object" && value !== null;
}
