/** The addresses: what each answers, from the state alone. */
import { readChain } from "../store/chain.ts";
import { readEvents } from "../store/events.ts";
import { readLeaderboard, readUidHistory } from "../store/leaderboard.ts";
import type { Store } from "../store/store.ts";
import { readRoundSummaries, readScoreCourse, readVersion } from "../store/summary.ts";
import type { Board, Course, Events, ExplanationWords, MinerHistory, Overview } from "./answers.ts";
import type { Changes } from "./changes.ts";
import type { Chat } from "./chat.ts";
import { converse } from "./conversation.ts";
import { renderMetrics } from "./metrics.ts";
import type { Page } from "./page.ts";
import { problem } from "./problem.ts";

/** Why a uid has its weight after a round, a sentence an element. */
export type Explain = (
  store: Store,
  round: { readonly uid: number; readonly block?: number; readonly competitionId?: number },
) => Promise<readonly string[] | undefined>;

interface Parts {
  readonly store: Store;
  readonly page: Page;
  readonly changes: Changes;
  readonly explain: Explain;
  readonly chat: () => Chat | undefined;
}

interface Asked {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** The number in the address, where it has one. */
  readonly uid: number;
  /** This answer may take longer than the server lets a connection be idle. */
  readonly endless: () => void;
}

type Handler = (parts: Parts, asked: Asked) => Promise<Response> | Response;
type Methods = { readonly get?: Handler; readonly post?: Handler };

const roundsMax = 1000;
const historyMax = 500;
const eventsMax = 200;
const courseRoundsMax = 200;
const courseModelsMax = 5;

const addresses: Readonly<Record<string, Methods>> = {
  "/": { get: ({ page }) => asset(page.html, "text/html; charset=utf-8") },
  "/page.js": { get: ({ page }) => asset(page.script, "text/javascript; charset=utf-8") },
  "/page.css": { get: ({ page }) => asset(page.style, "text/css; charset=utf-8") },
  "/icon.svg": { get: ({ page }) => asset(page.icon, "image/svg+xml") },
  "/api/overview": { get: overview },
  "/api/leaderboard": { get: leaderboard },
  "/api/course": { get: course },
  "/api/miners/:uid": { get: history },
  "/api/miners/:uid/explanation": { get: explanation },
  "/api/events": { get: events },
  "/api/changes": { get: changed },
  "/api/chat": {
    post: ({ chat }, { request, endless }) => {
      endless();
      return converse(chat(), request);
    },
  },
  "/metrics": { get: metrics },
};

/** Answers a request: 404 for an address that is none, 405 for what cannot be done with it, 400 for a malformed question. */
export function routesOf(parts: Parts): (request: Request, how: Pick<Asked, "endless">) => Promise<Response> {
  return async (request, { endless }) => {
    const url = new URL(request.url);
    const [, before, uid, after] = /^(\/api\/miners\/)(\d{1,5})(\/explanation)?$/.exec(url.pathname) ?? [];
    const address = before === undefined ? url.pathname : `${before}:uid${after ?? ""}`;
    const methods = Object.hasOwn(addresses, address) ? addresses[address] : undefined;
    if (methods === undefined || url.pathname.includes(":")) return problem(404, "There is nothing at this address.");
    const handler = { GET: methods.get, HEAD: methods.get, POST: methods.post }[request.method];
    if (handler === undefined) {
      const allow = [methods.get && "GET, HEAD", methods.post && "POST"].filter(Boolean).join(", ");
      return problem(405, `This address answers to ${allow}.`, { allow });
    }
    // Nobody would read the stream that a GET gets here, nor end it.
    if (request.method === "HEAD" && handler === changed) return new Response(null, { headers: eventStream });
    try {
      return await handler(parts, { request, query: url.searchParams, uid: Number(uid), endless });
    } catch (error) {
      if (error instanceof Malformed) return problem(400, error.message);
      throw error;
    }
  };
}

async function overview({ store, chat }: Parts): Promise<Response> {
  return store.transaction(async (snapshot) => {
    const chain = await readChain(snapshot);
    const answer: Overview = {
      version: await readVersion(snapshot),
      netuid: chain?.netuid ?? null,
      rounds: await readRoundSummaries(snapshot, roundsMax),
      chat: chat()?.model ?? null,
    };
    return Response.json(answer);
  });
}

async function leaderboard({ store }: Parts, { query }: Asked): Promise<Response> {
  const round = { competitionId: needed(query, "competition"), syncBlock: needed(query, "block") };
  const board = await store.transaction((snapshot) => readLeaderboard(snapshot, round));
  return board === undefined ? noRound() : Response.json(board satisfies Board);
}

/** The best of the chosen round, over the rounds before it. */
async function course({ store }: Parts, { query }: Asked): Promise<Response> {
  const [competitionId, toBlock] = [needed(query, "competition"), needed(query, "block")];
  return store.transaction(async (snapshot) => {
    const board = await readLeaderboard(snapshot, { competitionId, syncBlock: toBlock });
    if (board === undefined) return noRound();
    const best = board.rows.filter(({ outcome }) => outcome === "scored").slice(0, courseModelsMax);
    const hotkeys = best.map(({ hotkey }) => hotkey);
    const read = await readScoreCourse(snapshot, { competitionId, toBlock, hotkeys, roundsMax: courseRoundsMax });
    const series = best.map(({ uid, hotkey }, index) => ({ uid, hotkey, scores: read.scores[index]! }));
    return Response.json({ blocks: read.blocks, best: read.best, series } satisfies Course);
  });
}

async function history({ store }: Parts, { uid }: Asked): Promise<Response> {
  const rounds = await readUidHistory(store, uid, historyMax);
  if (rounds.length === 0) return problem(404, `Uid ${uid} has not been looked at in any round.`);
  return Response.json({ uid, rounds } satisfies MinerHistory);
}

async function explanation({ store, explain }: Parts, { uid, query }: Asked): Promise<Response> {
  const [competitionId, block] = [optional(query, "competition"), optional(query, "block")];
  const words = await explain(store, {
    uid,
    ...(competitionId === undefined ? {} : { competitionId }),
    ...(block === undefined ? {} : { block }),
  });
  if (words === undefined) return problem(404, `Uid ${uid} was not looked at in any such round.`);
  return Response.json({ words } satisfies ExplanationWords);
}

async function events({ store }: Parts): Promise<Response> {
  const rows = await readEvents(store, eventsMax);
  const shown = rows.map(({ id, at, block, level, kind, message }) => ({ id, at, block, level, kind, message }));
  return Response.json({ events: shown } satisfies Events);
}

const eventStream = { "content-type": "text/event-stream" };

function changed({ changes }: Parts, { endless }: Asked): Response {
  const stream = changes.subscribe();
  if (stream === undefined) return problem(503, "Too many pages are open.");
  endless();
  return new Response(stream, { headers: eventStream });
}

async function metrics({ store }: Parts): Promise<Response> {
  const { type, text } = await renderMetrics(store, Date.now());
  return new Response(text, { headers: { "content-type": type } });
}

function asset(text: string, type: string): Response {
  // The next version of the program may answer at the same address.
  return new Response(text, { headers: { "content-type": type, "cache-control": "no-cache" } });
}

function noRound(): Response {
  return problem(404, "There is no finished round of this competition at this block.");
}

class Malformed extends Error {}

function needed(query: URLSearchParams, name: string): number {
  const value = optional(query, name);
  if (value === undefined) throw new Malformed(`Say which ${name}: ?${name}=N.`);
  return value;
}

function optional(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Malformed(`The ${name} must be a whole number.`);
  return Number(text);
}
