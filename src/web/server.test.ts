/** The server over real connections on a real state that is written meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeChatModel } from "../../test/fixtures/chat-model.ts";
import { addRounds, makeSyntheticState, type SyntheticState } from "../../test/fixtures/synthetic-state.ts";
import { OperatorError } from "../base/errors.ts";
import { recordEvent } from "../store/events.ts";
import { readLeaderboards } from "../store/leaderboard.ts";
import { openStore, type Store } from "../store/store.ts";
import type { Board, ChatLine, Course, MinerHistory, Overview } from "./answers.ts";
import { openChat } from "./chat.ts";
import { startWeb, type WebServer } from "./server.ts";

const jsonHeaders = { "content-type": "application/json" };
const root = mkdtempSync(join(tmpdir(), "web-server-"));
const state: SyntheticState = { path: join(root, "state.sqlite"), rounds: 6, models: 12, batches: 4, seed: 5 };
let store: Store;
let web: WebServer;

beforeAll(async () => {
  await makeSyntheticState(state);
  store = await openStore({ path: state.path, mode: "read" });
  const folder = await makeChatModel(join(root, "model"));
  web = await startWeb({
    store,
    host: "127.0.0.1",
    port: 0,
    pollMs: 20,
    explain: async (_, { uid, block }) => (uid === 0 ? [`Uid ${uid} at ${block}.`] : undefined),
    openChat: () => openChat({ name: "tiny", folder, links: "refuse", endIds: [], newTokensMax: 400 }),
  });
});
afterAll(async () => {
  await web.close();
  await store.close();
  rmSync(root, { recursive: true, force: true });
});

const get = (address: string, init?: RequestInit) => fetch(new URL(address, web.url), init);
const read = async <T>(address: string) => (await (await get(address)).json()) as T;

describe("what is in the state", () => {
  test("is told as the store tells it", async () => {
    const overview = await read<Overview>("/api/overview");
    expect(overview).toMatchObject({ netuid: 37, chat: { name: "tiny" } });
    expect(overview.rounds.map(({ syncBlock }) => syncBlock)).toEqual([120, 100, 80, 60, 40, 20]);
    const [newest] = await readLeaderboards(store);
    const board = await read<Board>("/api/leaderboard?competition=1&block=120");
    expect(board).toEqual(JSON.parse(JSON.stringify(newest)));
    // A model that broke down has an infinite score, which JSON cannot say.
    expect(board.rows.find(({ outcome }) => outcome === "failed")).toMatchObject({ uid: 10, score: null });
    const earlier = await read<Board>("/api/leaderboard?competition=1&block=40");
    expect(earlier.syncBlock).toBe(40);
    expect(earlier.rows.map(({ score }) => score)).not.toEqual(board.rows.map(({ score }) => score));
  });

  test("goes round by round", async () => {
    const board = await read<Board>("/api/leaderboard?competition=1&block=100");
    const course = await read<Course>("/api/course?competition=1&block=100");
    expect(course.blocks).toEqual([20, 40, 60, 80, 100]);
    expect(course.series.map(({ uid }) => uid)).toEqual(board.rows.slice(0, 5).map(({ uid }) => uid));
    expect(course.series.map(({ scores }) => scores.at(-1)!)).toEqual(
      board.rows.slice(0, 5).map(({ score }) => score!),
    );
    expect(course.best.at(-1)).toBe(board.rows[0]!.score);
    const { rounds } = await read<MinerHistory>("/api/miners/0");
    expect(rounds).toHaveLength(6);
    expect(rounds.find(({ syncBlock }) => syncBlock === 100)!.score).toBe(
      board.rows.find(({ uid }) => uid === 0)!.score,
    );
    expect(await read<object>("/api/miners/0/explanation?block=100")).toEqual({ words: ["Uid 0 at 100."] });
  });

  test("is there for a monitor", async () => {
    const text = await (await get("/metrics")).text();
    expect(text).toContain('finetune_last_round_block{competition="1"} 120\n');
    expect(text).toContain('finetune_round_contenders{competition="1"} 12\n');
    // Twelve models and four batches, but one model broke down.
    expect(text).toContain('finetune_round_losses{competition="1"} 44\n');
    expect(Number(/^finetune_weights_age_seconds (\S+)$/m.exec(text)![1])).toBeGreaterThanOrEqual(0);
    expect(Number(/^finetune_state_bytes (\S+)$/m.exec(text)![1])).toBeGreaterThan(10_000);
  });
});

test("a round and an event are told while another connection writes them", async () => {
  const stream = (await get("/api/changes")).body!.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => (await stream.read()).value;
  const first = await next();
  expect(first).toMatch(/^data: \S+\n\n$/);
  const writer = await openStore({ path: state.path, mode: "write" });
  try {
    await addRounds(writer, { ...state, rounds: 1, fromRound: 7 });
    const second = await next();
    expect(second).not.toBe(first);
    expect((await read<Overview>("/api/overview")).rounds[0]!.syncBlock).toBe(140);
    await recordEvent(writer, { level: "warning", kind: "endpoint-lost", message: "<b>gone</b>" });
    expect(await next()).not.toBe(second);
    expect(await read<object>("/api/events")).toMatchObject({ events: [{ message: "<b>gone</b>" }] });
  } finally {
    await stream.cancel();
    await writer.close();
  }
});

describe("what is refused", () => {
  const cases: [string, RequestInit, number][] = [
    ["/nothing", {}, 404],
    ["/api/miners/:uid", {}, 404],
    ["/__proto__", {}, 404],
    ["/../../etc/passwd", {}, 404],
    ["/api/miners/9999", {}, 404],
    ["/api/miners/9/explanation", {}, 404],
    ["/api/leaderboard?competition=1&block=7", {}, 404],
    ["/api/leaderboard", {}, 400],
    ["/api/leaderboard?competition=x&block=20", {}, 400],
    ["/api/overview", { method: "POST" }, 405],
    ["/", { method: "DELETE" }, 405],
    ["/api/chat", {}, 405],
    ["/api/chat", { method: "POST", body: "{}" }, 415],
    ["/api/chat", json({ messages: [] }), 400],
    ["/api/chat", json({ messages: [{ role: "system", content: "x" }] }), 400],
    ["/api/chat", json({ messages: [{ role: "user", content: "x".repeat(2 << 20) }] }), 413],
    ["/api/chat", { ...json({}), headers: { ...jsonHeaders, origin: "http://evil.example" } }, 403],
    ["/", { headers: { host: "evil.example" } }, 421],
    ["/", { headers: { host: "127.0.0.1.evil.example" } }, 421],
  ];
  for (const [address, init, status] of cases)
    test(`${init.method ?? "GET"} ${address} ${JSON.stringify(init.headers ?? "")}: ${status}`, async () => {
      expect((await get(address, init)).status).toBe(status);
    });

  test("a request without a host", async () => {
    const socket = connect(Number(new URL(web.url).port), "127.0.0.1");
    socket.end("GET /api/overview HTTP/1.0\r\n\r\n");
    let answer = "";
    for await (const bytes of socket) answer += bytes;
    expect(answer).not.toContain("netuid");
  });

  test("localhost by any of its names is not", async () => {
    const { port } = new URL(web.url);
    for (const host of [`localhost:${port}`, `127.0.0.1:9`, `[::1]:${port}`])
      expect((await get("/", { headers: { host } })).status).toBe(200);
  });

  test("a page of a stranger, and code that is not ours, by the browser", async () => {
    for (const address of ["/", "/page.js", "/api/overview", "/nothing"]) {
      const { headers } = await get(address);
      expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

test("a port that is taken is the operator's mistake, with a way out", async () => {
  const again = startWeb({ store, host: "127.0.0.1", port: Number(new URL(web.url).port), explain: async () => [] });
  expect(await again.catch((error) => error)).toBeInstanceOf(OperatorError);
});

test("one answer at a time: a second question is told that the model is busy, and leaving stops the first", async () => {
  const question = json({ messages: [{ role: "user", content: "Hello" }] });
  const first = await get("/api/chat", question);
  const reader = first.body!.pipeThrough(new TextDecoderStream()).getReader();
  const line = JSON.parse((await reader.read()).value!.split("\n")[0]!) as ChatLine;
  expect(line).toEqual({ kind: "text", text: expect.any(String) });
  const second = await get("/api/chat", question);
  expect(second.status).toBe(409);
  expect(await second.json()).toEqual({ error: expect.stringContaining("busy") });
  await reader.cancel();
  let third = await get("/api/chat", question);
  while (third.status === 409) {
    await Bun.sleep(10);
    third = await get("/api/chat", question);
  }
  const lines = (await third.text()).trim().split("\n");
  expect(JSON.parse(lines.at(-1)!)).toEqual({ kind: "done", tokens: 400, end: "length" });
});

function json(value: unknown): RequestInit {
  return { method: "POST", headers: jsonHeaders, body: JSON.stringify(value) };
}
