/** `finetune web`: the leaderboard as a page, and a model to talk to. Flags and wiring only. */
import { basename, resolve } from "node:path";
import { aborted, onInterrupt } from "../base/interrupt.ts";
import { printable } from "../base/log.ts";
import type { Chat } from "../web/chat.ts";
import { command } from "./command.ts";
import { type ModelFlags, modelArgs } from "./model-args.ts";
import { print, printJson } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

export default command({
  summary: "show the leaderboard, miners' histories and events as a page; talk to a model",
  examples: [
    { line: "web --db state.sqlite", explains: "the page on http://127.0.0.1:8080, also while a validator writes" },
    { line: "web --model ./model --port 0 --json", explains: "with a model to talk to, on any free port, for scripts" },
  ],
  outlivesReaders: true,
  args: {
    ...settingArgs("db"),
    port: { type: "string", valueHint: "N", description: "0: any free port", default: "8080" },
    host: {
      type: "string",
      valueHint: "ADDRESS",
      description: "the address to listen on; anything but this machine's own shows the state to others",
      default: "127.0.0.1",
    },
    ...modelArgs,
    model: {
      type: "string",
      valueHint: "MODEL",
      description: "a model to talk to: its folder, or namespace/name[@revision] of the hub",
    },
    "max-new-tokens": { type: "string", default: "512", description: "tokens of an answer at most", valueHint: "N" },
    json: { type: "boolean", description: "print one JSON document when ready" },
  },
  async run(args) {
    const signal = onInterrupt();
    const port = integer(args.port, { flag: "port", min: 0, max: 65_535 });
    const newTokensMax = integer(args["max-new-tokens"], { flag: "max-new-tokens", min: 1, max: 1_000_000 });
    const { openStore } = await import("../store/store.ts");
    const { explain } = await import("../rescore/explain.ts");
    const { explainWords } = await import("../rescore/explain-words.ts");
    const { startWeb } = await import("../web/server.ts");
    const { model } = args;
    await using resources = new AsyncDisposableStack();
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    resources.defer(store.close);
    const server = await startWeb({
      store,
      port,
      host: args.host,
      async explain(from, round) {
        const explanation = await explain(from, { ...round, withConfidence: false });
        return explanation && explainWords(explanation).map(printable);
      },
      ...(model === undefined
        ? {}
        : { openChat: () => openModelChat({ ...args, model }, { newTokensMax, signal, resources }) }),
    });
    resources.defer(server.close);
    if (args.json) printJson({ url: server.url });
    else print(`The page is on ${server.url}; Ctrl-C ends it.`);
    await aborted(signal);
  },
});

interface How {
  readonly newTokensMax: number;
  readonly signal: AbortSignal;
  /** What must be given back at the end. */
  readonly resources: AsyncDisposableStack;
}

async function openModelChat(args: ModelFlags, { newTokensMax, signal, resources }: How): Promise<Chat> {
  const { locateModel } = await import("./model-source.ts");
  const { openModelFolder } = await import("../model/folder.ts");
  const { isInvalid } = await import("../base/invalid.ts");
  const { FailureError } = await import("../base/errors.ts");
  const { endIdsOfModel } = await import("../model/end-ids.ts");
  const { openChat } = await import("../web/chat.ts");
  const { folder, links } = resources.use(await locateModel(args, signal));
  const opened = await openModelFolder(folder, { links });
  if (isInvalid(opened)) throw new FailureError(printable(`${opened.reason}: ${opened.detail}`));
  // The page may be shown to others, whom the folders of this machine do not concern.
  const name = folder !== args.model ? args.model : basename(resolve(folder));
  return openChat({ name, folder, links, endIds: endIdsOfModel(opened), newTokensMax, signal });
}
