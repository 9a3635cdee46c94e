/** `finetune import`: a state that somebody published, to look at and to re-score without a GPU. */
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

export default command({
  summary: "take in a published state from a file or an address",
  examples: [
    {
      line: "import https://example.org/published.sqlite --db theirs.sqlite",
      explains: "then: finetune rescore --db theirs.sqlite",
    },
    {
      line: "import published.sqlite --db theirs.sqlite",
      explains: "from a file; it is checked wholly before it is kept",
    },
  ],
  args: {
    ...settingArgs("db"),
    source: { type: "positional", required: true, description: "a path or an http(s) address" },
    "max-bytes": { type: "string", valueHint: "N", description: "refuse a larger one [default 34359738368]" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const { importState } = await import("../rescore/import.ts");
    const { onInterrupt } = await import("../base/interrupt.ts");
    const { SingleBar } = await import("cli-progress");
    const target = settingOf("db", args);
    const bar = new SingleBar({ format: "{bar} {percentage} %  {value} of {total} bytes", stream: process.stderr });
    let started = false;
    const sizeBytes = await importState({
      source: args.source,
      target,
      bytesMax: integer(args["max-bytes"] ?? String(2 ** 35), { flag: "max-bytes", min: 1 }),
      signal: onInterrupt(),
      onProgress: (received, total) => {
        if (total === undefined) return;
        if (!started) bar.start(total, 0);
        started = true;
        bar.update(received);
      },
    }).finally(() => bar.stop());
    if (args.json) return printJson({ file: target, sizeBytes });
    print(`${target} holds ${sizeBytes} bytes and is sound. Look at it with \`finetune leaderboard --db ${target}\`.`);
  },
});
