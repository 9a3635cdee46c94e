/** `POST /api/chat`: `{"messages":[…]}` in, lines of JSON out while the answer is made. Closing the connection stops it. */
import { z } from "zod";
import type { ChatLine } from "./answers.ts";
import type { Chat } from "./chat.ts";
import { problem } from "./problem.ts";

const conversation = z.object({
  messages: z
    .array(z.object({ role: z.enum(["user", "assistant"]), content: z.string().max(200_000) }))
    .min(1)
    .max(1000)
    .refine((messages) => messages.at(-1)?.role === "user", "the last message must be the user's"),
});

export async function converse(chat: Chat | undefined, request: Request): Promise<Response> {
  if (chat === undefined) return problem(404, "There is no model to talk to: start the server with --model.");
  // A form of another page cannot say this, and a script of another page would have to ask first.
  if (!/^application\/json\b/.test(request.headers.get("content-type") ?? ""))
    return problem(415, "Send JSON, as application/json.");
  const parsed = conversation.safeParse(await request.json().catch(() => undefined));
  if (!parsed.success) return problem(400, 'Send {"messages":[{"role":"user","content":"…"}]}.');
  if (chat.isBusy()) return problem(409, "The model is busy with another answer. Try again in a moment.");
  return new Response(stream(chat, parsed.data.messages), {
    headers: { "content-type": "application/x-ndjson; charset=utf-8" },
  });
}

type Turn = z.infer<typeof conversation>["messages"][number];

function stream(chat: Chat, messages: readonly Turn[]): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      const emit = (line: ChatLine) => {
        if (!stop.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      void chat.answer(messages, emit, stop.signal).then(() => {
        if (!stop.signal.aborted) controller.close();
      });
    },
    cancel: () => stop.abort(),
  });
}
