/** `finetune score`: the loss of a model on token ids. Flags and wiring only. */
import { FailureError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { command } from "./command.ts";
import { openLocalEngine, readTokenLists } from "./model-input.ts";
import { print, printJson, printTable } from "./output.ts";

export default command({
  summary: "the loss of a model on text or token ids",
  examples: [{ line: "score ./model --tokens ids.json --json", explains: "the NLL of every token of [[id,…],…]" }],
  args: {
    model: { type: "positional", required: true, description: "a model's folder", valueHint: "MODEL" },
    tokens: { type: "string", required: true, description: "token ids: [[id,…],…]", valueHint: "FILE" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const signal = onInterrupt();
    const lists = await readTokenLists(args.tokens);
    await using engine = await openLocalEngine(args.model);
    const started = performance.now();
    const samples = lists.map((ids) => ({ kind: "loss", ids, scoredFrom: 0 }) as const);
    const outcomes = await engine.score(samples, { signal });
    const seconds = (performance.now() - started) / 1000;

    const sequences = outcomes.map((outcome, index) => {
      if (outcome.kind === "failed") throw new FailureError(`Sequence ${index}: ${outcome.detail}.`);
      return { tokens: lists[index]!.length, lossNatsMean: mean(outcome.nll), nll: outcome.nll };
    });
    const tokens = sequences.reduce((sum, sequence) => sum + sequence.tokens, 0);
    const lossNatsMean = mean(sequences.flatMap(({ nll }) => nll));
    const { architecture, parameters } = engine.model;
    const totals = { model: args.model, architecture, parameters, tokens, lossNatsMean, seconds };
    if (args.json) printJson({ ...totals, tokensPerSecond: tokens / seconds, sequences });
    else {
      print(`${args.model}: ${architecture}, ${parameters} parameters`);
      const rows = sequences.map((sequence, index) => [index, sequence.tokens, shown(sequence.lossNatsMean)]);
      printTable(["sequence", "tokens", "loss"], [...rows, ["all", tokens, shown(lossNatsMean)]]);
    }
  },
});

/** A sum in double precision over many single ones, in their order. */
function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function shown(loss: number | null): string {
  return loss === null ? "–" : loss.toFixed(6);
}
