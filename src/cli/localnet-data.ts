/** `finetune localnet data`: the local data sources alone. */
import { OperatorError } from "../base/errors.ts";
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";
import { integer, repeated } from "./values.ts";

export default command({
  summary: "run local data sources alone: a dataset viewer, W&B and language data of our own making",
  examples: [
    {
      line: "localnet data --port 8090 --validator //Alice//hotkey",
      explains: "runs and questions signed by that key",
    },
    { line: "localnet data --fault http-429=0.2", explains: "data sources that often ask to be left alone" },
  ],
  outlivesReaders: true,
  args: {
    port: { type: "string", valueHint: "N", description: "0: any free port", default: "0" },
    validator: {
      type: "string",
      valueHint: "URI",
      description: "a hotkey that signs runs and makes questions; may be given several times",
    },
    seed: { type: "string", valueHint: "N", description: "seed of the data", default: "0" },
    fault: {
      type: "string",
      valueHint: "NAME=P,…",
      description: "go wrong with a probability per request (see `localnet hub`)",
    },
    json: { type: "boolean", description: "print one JSON document when ready" },
    child: { type: "boolean", description: "end when standard input ends" },
  },
  async run(args, rawArgs) {
    const { startData } = await import("../localnet/data/server.ts");
    const { parseFaults } = await import("../localnet/hub/faults.ts");
    const { serve } = await import("../localnet/serving.ts");
    const faults = parseFaults(args.fault ?? "");
    if (faults === null)
      throw new OperatorError(
        `--fault ${args.fault} cannot be understood.`,
        "Give NAME=PROBABILITY pairs, such as --fault http-429=0.1,cut=0.05.",
      );
    const data = await startData({
      port: integer(args.port, { flag: "port", min: 0, max: 65_535 }),
      validators: repeated(rawArgs, "validator"),
      seed: integer(args.seed, { flag: "seed", min: 0 }),
      faults,
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE")
        throw new OperatorError(`Port ${args.port} is taken.`, "Give another --port, or 0 for any free one.");
      throw error;
    });
    const announce = () => {
      const { url, language } = data;
      if (args.json) return printJson({ url, language });
      print(`Datasets, W&B and language data are served on ${url}: --datasets ${url} --wandb ${url} --language ${url}`);
      print(`A competition names the word list as ${language.words}`);
      print(`and the tagger as ${language.tagger}.`);
    };
    await serve({ child: args.child === true, announce, close: data.close });
  },
});
