/**
 * The page of results and the conversation over HTTP. It opens the state to read, so that a validator may write it
 * meanwhile, and answers one small set of addresses; everything that it shows comes from strangers, and the page treats it so.
 */
import { messageOf, OperatorError } from "../base/errors.ts";
import { log } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import { watchChanges } from "./changes.ts";
import type { Chat } from "./chat.ts";
import { type Bind, isLoopback, refuse, withHeaders } from "./guard.ts";
import { loadPage } from "./page.ts";
import { problem } from "./problem.ts";
import { type Explain, routesOf } from "./routes.ts";

export interface WebOptions {
  readonly store: Store;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** In words why a uid has its weight; undefined when it was not looked at. */
  readonly explain: Explain;
  /** Opens the model to talk to. Called once the port is ours; until it is open the page shows none. */
  readonly openChat?: () => Promise<Chat>;
  /** Between two looks for changes. */
  readonly pollMs?: number;
}

export interface WebServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** A conversation is the largest thing that anybody sends. */
const bodyBytesMax = 1 << 20;

/** Serves until closed. Throws `OperatorError` when the address cannot be had, and what `openChat` throws. */
export async function startWeb(options: WebOptions): Promise<WebServer> {
  const { store, host, port, explain, openChat, pollMs = 1000 } = options;
  const page = await loadPage();
  const changes = watchChanges(store, pollMs);
  let chat: Chat | undefined;
  const route = routesOf({ store, page, changes, explain, chat: () => chat });
  const bind: Bind = { host, isLocal: isLoopback(host) };
  const server = listen(host, port, async (request, timeout) => {
    const refused = refuse(request, bind);
    if (refused !== undefined) return withHeaders(refused);
    try {
      return withHeaders(await route(request, { endless: () => timeout(request) }));
    } catch (error) {
      log.error(error instanceof OperatorError ? error.message : error);
      return withHeaders(problem(500, messageOf(error)));
    }
  });
  const close = async () => {
    changes.close();
    await Promise.all([server.stop(true), chat?.close()]);
  };
  try {
    chat = await openChat?.();
  } catch (error) {
    await close();
    throw error;
  }
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${server.port}/`, close };
}

type Answer = (request: Request, endless: (request: Request) => void) => Promise<Response>;

function listen(host: string, port: number, answer: Answer): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      development: false,
      // Two servers on one port would each get some of the requests.
      reusePort: false,
      maxRequestBodySize: bodyBytesMax,
      fetch: (request, server) => answer(request, (endless) => server.timeout(endless, 0)),
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new OperatorError(`Port ${port} of ${host} is taken.`, "Give another --port, or 0 for any free one.");
    throw new OperatorError(
      `${host} port ${port} cannot be listened on (${code ?? messageOf(error)}).`,
      "Give an address of this machine with --host, and a --port that you may use.",
    );
  }
}
