/** A conversation with a model in a child: answers stream, stop, and outlive the child. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeChatModel } from "../../test/fixtures/chat-model.ts";
import { descendantsOf, survivors } from "../../test/processes.ts";
import type { ChatLine } from "./answers.ts";
import { type ChatOptions, openChat } from "./chat.ts";

const root = mkdtempSync(join(tmpdir(), "web-chat-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = await makeChatModel(join(root, "model"));
const options: ChatOptions = { name: "tiny", folder, links: "refuse", endIds: [], newTokensMax: 12 };
const hello = [{ role: "user", content: "Hello" }];

async function linesOf(chat: Awaited<ReturnType<typeof openChat>>, stop = new AbortController().signal) {
  const lines: ChatLine[] = [];
  await chat.answer(hello, (line) => lines.push(line), stop);
  return lines;
}

describe("a conversation", () => {
  test("says what the model is, and streams an answer", async () => {
    const chat = await openChat(options);
    try {
      expect(chat.model).toMatchObject({ name: "tiny", architecture: "LlamaForCausalLM" });
      const lines = await linesOf(chat);
      expect(lines.filter(({ kind }) => kind === "text").length).toBeGreaterThan(1);
      expect(lines.at(-1)).toEqual({ kind: "done", tokens: 12, end: "length" });
      // Greedy: the same question has the same answer, also from a cache that has seen it.
      expect(await linesOf(chat)).toEqual(lines);
    } finally {
      await chat.close();
    }
  });

  test("stops between two tokens, and answers the next question", async () => {
    const chat = await openChat({ ...options, newTokensMax: 100 });
    try {
      const stop = new AbortController();
      const lines: ChatLine[] = [];
      const answer = chat.answer(
        hello,
        (line) => {
          lines.push(line);
          stop.abort();
        },
        stop.signal,
      );
      expect(chat.isBusy()).toBe(true);
      await answer;
      expect(lines).toEqual([{ kind: "text", text: expect.any(String) }]);
      expect(chat.isBusy()).toBe(false);
      expect((await linesOf(chat)).at(-1)).toMatchObject({ kind: "done" });
    } finally {
      await chat.close();
    }
  });

  test("whose child dies says so in a sentence, and goes on with another child", async () => {
    const chat = await openChat(options);
    try {
      const [child] = descendantsOf(process.pid).filter(({ command }) => command.includes("worker"));
      process.kill(child!.pid, "SIGKILL");
      await survivors([child!], 10_000);
      expect(await linesOf(chat)).toEqual([
        { kind: "failed", message: expect.stringContaining("The model's process has ended") },
      ]);
      expect((await linesOf(chat)).at(-1)).toMatchObject({ kind: "done", tokens: 12 });
    } finally {
      await chat.close();
    }
  });
});

test("a model that cannot be talked to is refused at the start", async () => {
  const mute = await makeChatModel(join(root, "mute"), { template: false });
  await expect(openChat({ ...options, folder: mute })).rejects.toThrow("template-missing");
  await expect(openChat({ ...options, folder: join(root, "nowhere") })).rejects.toThrow();
});
