/** A conversation with the model of the server. It lives on this page alone: the server keeps nothing of it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ChatLine, ChatModel, Problem } from "../answers.ts";
import { count } from "./text.ts";

interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
  /** Why it is not a whole answer. */
  readonly note?: string;
}

export function Chat({ model }: { readonly model: ChatModel }) {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const [draft, setDraft] = useState("");
  const [running, setRunning] = useState<AbortController>();
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => end.current?.scrollIntoView({ block: "nearest" }), [turns]);

  const send = async () => {
    const question = draft.trim();
    if (question === "" || running !== undefined) return;
    const asked: readonly Turn[] = [...turns, { role: "user", content: question }];
    const stop = new AbortController();
    let answer: Turn = { role: "assistant", content: "" };
    const show = (change: Partial<Turn>) => {
      answer = { ...answer, ...change };
      setTurns([...asked, answer]);
    };
    setDraft("");
    setRunning(stop);
    show({});
    try {
      for await (const line of ask(asked, stop.signal)) {
        if (line.kind === "text") show({ content: answer.content + line.text });
        else if (line.kind === "failed") show({ note: line.message });
        else if (line.end === "length") show({ note: `Cut off after ${line.tokens} tokens.` });
        else if (line.tokens === 0) show({ note: "The model ended its answer at once." });
      }
    } catch (error) {
      show({ note: stop.signal.aborted ? "Stopped." : (error as Error).message });
    } finally {
      setRunning(undefined);
    }
  };

  return (
    <section class="chat" aria-labelledby="chat-heading">
      <h2 id="chat-heading">
        Talk to <bdi>{model.name}</bdi>
      </h2>
      <p class="quiet">
        {model.architecture}, {count(model.parameters)} parameters
      </p>
      <div role="log" aria-label="Conversation" aria-busy={running !== undefined}>
        <ol>
          {turns.map(({ role, content, note }, index) => (
            // Turns are only ever added: their number names them.
            <li key={index} class={role}>
              <span class="who">{role === "user" ? "You" : "Model"}</span>
              <p>{content}</p>
              {note !== undefined && <p class="note">{note}</p>}
            </li>
          ))}
        </ol>
        <div ref={end} />
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label for="question">Your message</label>
        <textarea
          id="question"
          rows={3}
          value={draft}
          onInput={({ currentTarget }) => setDraft(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            void send();
          }}
        />
        <div class="buttons">
          {running === undefined ? (
            <button type="submit" class="main" disabled={draft.trim() === ""}>
              Send
            </button>
          ) : (
            <button type="button" class="main" onClick={() => running.abort()}>
              Stop
            </button>
          )}
          <button type="button" disabled={running !== undefined || turns.length === 0} onClick={() => setTurns([])}>
            New conversation
          </button>
        </div>
      </form>
    </section>
  );
}

/** Asks for an answer and gives its lines as they come. Throws what the server refuses with. */
async function* ask(turns: readonly Turn[], signal: AbortSignal): AsyncGenerator<ChatLine> {
  const messages = turns.map(({ role, content }) => ({ role, content }));
  const headers = { "content-type": "application/json" };
  const response = await fetch("/api/chat", { method: "POST", headers, body: JSON.stringify({ messages }), signal });
  if (!response.ok || response.body === null) {
    const { error } = (await response.json().catch(() => ({}))) as Partial<Problem>;
    throw new Error(error ?? `The server answers with ${response.status}.`);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as ChatLine;
  }
}
