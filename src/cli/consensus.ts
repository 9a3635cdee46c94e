/** `finetune consensus FILE.json`: explains what Yuma consensus makes of a matrix of weights. */
import { messageOf, OperatorError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { printable } from "../base/log.ts";
import { readOperatorFile } from "../base/operator-file.ts";
import { type EpochOutput, runEpoch } from "../consensus/epoch.ts";
import { readEpochFile } from "../consensus/epoch-file.ts";
import type { EpochInput } from "../consensus/epoch-input.ts";
import { toNumber } from "../consensus/fixed.ts";
import type { Sparse } from "../consensus/sparse.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { integer } from "./values.ts";

const fileBytesMax = 64 << 20;
const format = [
  'the format: "stake" (TAO by uid), "weights" (by uid a row: every number, or [uid, weight] pairs, in any scale);',
  'optional by uid "bonds" (rows of u16), "permit", "lastUpdate", "registered", "commit" (blocks; commit null for none);',
  'optional "owner" (uid), "emission" (TAO, 1), "block" (1000), "tempo" (360), "lastStep" (0) and "parameters":',
  "yuma (2 or 3), kappa, bondsPenalty, liquidAlpha {low, high, steepness}, bondsMovingAverage (millionths),",
  "validatorsMax, activityCutoff, stakeThreshold (TAO), commitReveal; proportions are u16, so 65535 is 1. Such as",
  '{"stake": [800, 100, 100, 0, 0], "weights": [[[3, 0.7], [4, 0.3]], [[3, 1]], [[3, 0.2], [4, 0.8]], [], []]}',
].join("\n  # ");

export default command({
  summary: "explain a weight matrix: what the consensus clips, who earns what",
  examples: [
    { line: "consensus test/fixtures/consensus.json", explains: format },
    { line: "consensus subnet.json --json", explains: "everything, exact: fractions, u16 as stored, emission in rao" },
  ],
  args: {
    file: { type: "positional", description: "the matrix (format below)", required: true, valueHint: "FILE.json" },
    clipped: { type: "string", description: "how many clipped weights to list at most [default 20]", valueHint: "N" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  run: async (args) => {
    const clippedMax = integer(args.clipped ?? "20", { flag: "clipped", min: 0, max: 1_000_000 });
    const input = await readInput(args.file);
    const output = runEpoch(input);
    if (args.json) printJson(documentOf(input, output));
    else explain(input, output, clippedMax);
  },
});

async function readInput(path: string): Promise<EpochInput> {
  const hint = "See `finetune consensus --help` for the format and an example.";
  const json = parseJson(await readText(path, hint), { depthMax: 8, valuesMax: 40_000_000 });
  if (json.kind === "error") throw new OperatorError(printable(`${path} is not JSON: ${json.detail}.`), hint);
  const input = readEpochFile(json.value);
  if ("problem" in input) throw new OperatorError(printable(`${path} cannot be used: ${input.problem}.`), hint);
  return input;
}

async function readText(path: string, hint: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readOperatorFile(path, { bytesMax: fileBytesMax }));
  } catch (error) {
    throw new OperatorError(printable(`${path} cannot be read: ${messageOf(error)}.`), hint);
  }
}

function explain(input: EpochInput, output: EpochOutput, clippedMax: number): void {
  const { detail, emission } = output;
  const share = (values: Float64Array, uid: number) => toNumber(values[uid]!).toFixed(4);
  const tao = (rao: bigint) => (Number(rao) / 1e9).toFixed(9);
  printTable(
    ["uid", "stake", "speaks with", "vtrust", "consensus", "incentive", "dividends", "emission τ", "next permit"],
    input.neurons.map((_, uid) => [
      uid,
      share(detail.stake, uid),
      share(detail.activeStake, uid),
      share(detail.validatorTrust, uid),
      share(detail.consensus, uid),
      share(detail.incentive, uid),
      share(detail.dividends, uid),
      tao(emission.totalRao[uid]!),
      output.permits[uid] ? "yes" : "no",
    ]),
  );
  const clipped = clippedWeights(detail.weights, detail.consensus);
  print();
  if (clipped.length === 0) {
    print("No weight is above the consensus, so none is clipped.");
    return;
  }
  print(`${clipped.length} weights are above the consensus and count only up to it:`);
  printTable(
    ["validator", "miner", "weight", "counts"],
    clipped
      .slice(0, clippedMax)
      .map(({ validator, miner, weight, counted }) => [validator, miner, weight.toFixed(4), counted.toFixed(4)]),
  );
  if (clipped.length > clippedMax) print(`… and ${clipped.length - clippedMax} more (--clipped, or --json for all).`);
}

interface Clipped {
  readonly validator: number;
  readonly miner: number;
  readonly weight: number;
  readonly counted: number;
}

/** The weights that the consensus cuts, the deepest cut first. */
function clippedWeights(weights: Sparse, consensus: Float64Array): Clipped[] {
  return entriesOf(weights)
    .filter(({ column, value }) => value > consensus[column]!)
    .map(({ row, column, value }) => ({
      validator: row,
      miner: column,
      weight: toNumber(value),
      counted: toNumber(consensus[column]!),
    }))
    .sort((a, b) => b.weight - b.counted - (a.weight - a.counted));
}

function documentOf(input: EpochInput, output: EpochOutput): object {
  const { detail, emission } = output;
  return {
    yuma: input.parameters.yuma,
    uids: input.neurons.map((_, uid) => ({
      uid,
      active: output.active[uid],
      permit: detail.permits[uid],
      nextPermit: output.permits[uid],
      stake: toNumber(detail.stake[uid]!),
      activeStake: toNumber(detail.activeStake[uid]!),
      validatorTrust: toNumber(detail.validatorTrust[uid]!),
      consensus: toNumber(detail.consensus[uid]!),
      incentive: toNumber(detail.incentive[uid]!),
      dividends: toNumber(detail.dividends[uid]!),
      stored: {
        validatorTrust: output.validatorTrust[uid],
        consensus: output.consensus[uid],
        incentive: output.incentive[uid],
        dividends: output.dividends[uid],
      },
      emissionRao: emission.totalRao[uid]!.toString(),
      serverEmissionRao: emission.serverRao[uid]!.toString(),
      validatorEmissionRao: emission.validatorRao[uid]!.toString(),
      bonds: output.bonds[uid],
    })),
    weights: triples(detail.weights),
    clippedWeights: triples(detail.clippedWeights),
    clipped: clippedWeights(detail.weights, detail.consensus),
  };
}

function triples(matrix: Sparse): (readonly [number, number, number])[] {
  return entriesOf(matrix).map(({ row, column, value }) => [row, column, toNumber(value)] as const);
}

function entriesOf(matrix: Sparse): { readonly row: number; readonly column: number; readonly value: number }[] {
  const entries = [];
  for (let row = 0; row < matrix.size; row++)
    for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++)
      entries.push({ row, column: matrix.column[at]!, value: matrix.value[at]! });
  return entries;
}
