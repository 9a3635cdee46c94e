/** `finetune generate`: greedy continuations of token ids. Flags and wiring only. */
import { FailureError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { command } from "./command.ts";
import { endIds, openLocalEngine, readTokenLists } from "./model-input.ts";
import { print, printJson } from "./output.ts";
import { decimal, integer } from "./values.ts";

export default command({
  summary: "continue text or token ids greedily",
  examples: [
    { line: "generate ./model --tokens ids.json --max-new-tokens 20 --json", explains: "continue every list of ids" },
  ],
  args: {
    model: { type: "positional", required: true, description: "a model's folder", valueHint: "MODEL" },
    tokens: { type: "string", required: true, description: "prompts: [[id,…],…]", valueHint: "FILE" },
    "max-new-tokens": { type: "string", default: "64", description: "tokens at most", valueHint: "N" },
    "repetition-penalty": { type: "string", default: "1", description: "1 is none", valueHint: "P" },
    "ignore-eos": { type: "boolean", description: "go on after an end of sequence" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const signal = onInterrupt();
    const newTokensMax = integer(args["max-new-tokens"], { flag: "max-new-tokens", min: 1, max: 1_000_000 });
    const repetitionPenalty = decimal(args["repetition-penalty"], { flag: "repetition-penalty", min: 0.01, max: 100 });
    const prompts = await readTokenLists(args.tokens);
    await using engine = await openLocalEngine(args.model, { widen: "load" });
    const ends = args["ignore-eos"] ? [] : endIds(engine.folder);
    const samples = prompts.map(
      (prompt) => ({ kind: "generation", prompt, newTokensMax, repetitionPenalty, endIds: ends }) as const,
    );
    const outcomes = await engine.generate(samples, { signal });
    const sequences = outcomes.map((outcome, index) => {
      if (outcome.kind === "failed") throw new FailureError(`Sequence ${index}: ${outcome.detail}.`);
      return { prompt: prompts[index]!, tokens: outcome.ids };
    });
    if (args.json) printJson({ sequences });
    else for (const { tokens } of sequences) print(tokens.join(" "));
  },
});
