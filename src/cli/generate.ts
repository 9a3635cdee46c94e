/** `finetune generate`: greedy continuations of text or token ids. Flags and wiring only. */
import { FailureError, OperatorError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { endIdsOfModel } from "../model/end-ids.ts";
import { command } from "./command.ts";
import { modelArgs, tokenizerArg } from "./model-args.ts";
import { openLocalEngine, readTokenLists } from "./model-input.ts";
import { locateModel } from "./model-source.ts";
import { print, printJson } from "./output.ts";
import { decimal, integer } from "./values.ts";

export default command({
  summary: "continue text or token ids greedily",
  examples: [
    { line: 'generate ./model --prompt "Once upon a time"', explains: "the continuation, as it is made" },
    { line: "generate ./model --chat", explains: "talk to the model, in its chat template" },
    { line: "generate ./model --tokens ids.json --max-new-tokens 20 --json", explains: "continue every list of ids" },
  ],
  args: {
    ...modelArgs,
    tokens: { type: "string", description: "prompts: [[id,…],…]", valueHint: "FILE" },
    prompt: { type: "string", description: "a text to continue; with --chat: the one question", valueHint: "TEXT" },
    chat: { type: "boolean", description: "a conversation: every line of standard input is a turn" },
    tokenizer: tokenizerArg,
    "max-new-tokens": { type: "string", default: "64", description: "tokens at most", valueHint: "N" },
    "repetition-penalty": { type: "string", default: "1", description: "1 is none", valueHint: "P" },
    "ignore-eos": { type: "boolean", description: "go on after an end of sequence" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const signal = onInterrupt();
    const newTokensMax = integer(args["max-new-tokens"], { flag: "max-new-tokens", min: 1, max: 1_000_000 });
    const repetitionPenalty = decimal(args["repetition-penalty"], { flag: "repetition-penalty", min: 0.01, max: 100 });
    const text = args.prompt !== undefined || args.chat === true;
    if (text === (args.tokens !== undefined))
      throw new OperatorError("Give --prompt, --chat or --tokens.", "See `finetune generate --help`.");
    const prompts = args.tokens === undefined ? [] : await readTokenLists(args.tokens);
    await using place = await locateModel(args, signal);
    await using engine = await openLocalEngine(place.folder, { links: place.links, signal });
    const ends = args["ignore-eos"] ? [] : endIdsOfModel(engine.folder);
    const how = { newTokensMax, repetitionPenalty, endIds: ends };
    if (text) {
      const { runText } = await import("./generate-text.ts");
      await runText({ args, place, engine, how, signal });
      return;
    }
    const samples = prompts.map((prompt) => ({ kind: "generation", prompt, ...how }) as const);
    const outcomes = await engine.generate(samples, { signal });
    const sequences = outcomes.map((outcome, index) => {
      if (outcome.kind === "failed") throw new FailureError(`Sequence ${index}: ${outcome.detail}.`);
      return { prompt: prompts[index]!, tokens: outcome.ids };
    });
    if (args.json) printJson({ sequences });
    else for (const { tokens } of sequences) print(tokens.join(" "));
  },
});
