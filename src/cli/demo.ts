/** `finetune demo`: a whole subnet on this machine, from nothing to a paid winner. */
import { onInterrupt } from "../base/interrupt.ts";
import { log, printable } from "../base/log.ts";
import { selfCommand } from "../base/self.ts";
import type { DemoView } from "../localnet/demo/view.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { integer } from "./values.ts";

export default command({
  summary: "see a whole subnet run on this machine, in about a minute",
  examples: [
    { line: "demo", explains: "chain, hub, three validators, seven miners; everything under finetune-demo/" },
    { line: "demo --dir other --seed 3 --json", explains: "another run, and its result as one JSON document" },
  ],
  args: {
    dir: { type: "string", valueHint: "DIR", default: "finetune-demo", description: "where everything is kept" },
    seed: {
      type: "string",
      valueHint: "N",
      default: "1",
      description: "the same seed gives the same losses and weights",
    },
    json: { type: "boolean", description: "print the result as one JSON document" },
  },
  async run(args) {
    const { runDemo } = await import("../localnet/demo/demo.ts");
    const started = performance.now();
    const seconds = () => `${((performance.now() - started) / 1000).toFixed(0).padStart(3)} s`;
    const view = await runDemo({
      dir: args.dir,
      seed: integer(args.seed, { flag: "seed", min: 0, max: 1_000_000 }),
      signal: onInterrupt(),
      onStage: (text) => log.info(`${seconds()}  ${text}`),
      onRound: (now, round) => {
        log.info(`${seconds()}  round ${round} of validator-0`);
        if (!args.json) printTable(header, rowsOf(now));
      },
    });
    if (args.json) printJson(resultOf(view));
    else printEnd(view, args.dir);
  },
});

/** The best first; narrow enough for 80 columns. */
const header = ["uid", "model", "loss", "win rate", "round", "weight", "incentive"];

function rowsOf({ board, neurons }: DemoView): (string | number)[][] {
  const incentives = new Map(neurons.map(({ uid, incentive }) => [uid, incentive]));
  return (board?.rows ?? []).map((row) => [
    row.uid,
    `${row.repo}@${row.revision?.slice(0, 8)}`,
    row.outcome === "scored"
      ? row.score.toFixed(4)
      : row.outcome === "duplicate"
        ? `as uid ${row.duplicateOf}`
        : "failed",
    row.winRate.toFixed(3),
    row.roundWeight.toFixed(3),
    row.subnetWeight.toFixed(3),
    (incentives.get(row.uid) ?? 0).toFixed(3),
  ]);
}

function printEnd(view: DemoView, dir: string): void {
  const { board, names, neurons, block, stateFile } = view;
  print(`\nLeaderboard at block ${block}`);
  printTable(header, rowsOf(view));
  print("\nWho earns nothing, and why");
  const nothing = (uid: number, reason: string, detail: string) =>
    print(printable(`uid ${uid}, ${names.get(uid) ?? "nobody's"}: ${reason}\n  ${detail}`));
  for (const { uid, of } of view.copies)
    nothing(uid, "duplicate", `The same parameters as uid ${of} (${names.get(of)}), who committed them first.`);
  for (const row of board?.refused ?? []) nothing(row.uid, row.reason ?? row.state, row.detail ?? "");
  print("\nAgreement of the validators");
  printTable(
    ["uid", "validator", "stake", "vtrust", "dividends"],
    neurons
      .filter(({ validatorPermit, uid }) => validatorPermit && names.get(uid)?.startsWith("validator"))
      .map(({ uid, stakeTao, validatorTrust, dividends }) => [
        uid,
        names.get(uid)!,
        stakeTao.toFixed(0),
        validatorTrust.toFixed(3),
        dividends.toFixed(3),
      ]),
  );
  const self = selfCommand().join(" ");
  const winner = board?.rows[0]?.uid ?? 0;
  print(`
Everything is under ${dir}; the first validator's state is ${stateFile}. To look further:

  ${self} explain ${winner} --db ${stateFile}
  ${self} rescore --db ${stateFile} --verify
  ${self} leaderboard --db ${stateFile}`);
}

function resultOf({ board, names, neurons, block, stateFile, copies }: DemoView) {
  return {
    block,
    stateFile,
    leaderboard: board?.rows.map((row) => ({ name: names.get(row.uid), ...row })) ?? [],
    refused: board?.refused.map((row) => ({ name: names.get(row.uid), ...row })) ?? [],
    copies: copies.map((copy) => ({ name: names.get(copy.uid), ...copy })),
    neurons: neurons.map(({ emissionRao, ...neuron }) => ({
      name: names.get(neuron.uid),
      ...neuron,
      emissionRao: emissionRao.toString(),
    })),
  };
}
