/** `finetune simulate`: what attacks earn, under the rules as published and as repaired here. */
import { OperatorError } from "../base/errors.ts";
import { simulateAttacks, simulationSteps } from "../competition/simulation/simulate.ts";
import { command } from "./command.ts";
import { competitionFileArg, loadCompetitions } from "./competitions.ts";
import { percent, print, printJson, printTable } from "./output.ts";
import { integer } from "./values.ts";

export default command({
  summary: "play known attacks against the rules and show what they earn",
  examples: [
    { line: "simulate", explains: "300 rounds of each attack under the public subnet's rules" },
    { line: "simulate --competitions demo --rounds 1000 --seed 7 --json", explains: "other rules, for a script" },
  ],
  args: {
    competitions: { ...competitionFileArg, default: "sn37-latest" },
    competition: { type: "string", valueHint: "ID", description: "the competition (default: the newest of the file)" },
    rounds: { type: "string", valueHint: "N", default: "300", description: "rounds per attack" },
    batches: { type: "string", valueHint: "N", default: "64", description: "batches per round" },
    seed: { type: "string", valueHint: "TEXT", default: "1", description: "what the losses are drawn from" },
    json: { type: "boolean", description: "print JSON" },
  },
  async run(args) {
    const file = await loadCompetitions(args.competitions);
    const id = args.competition === undefined ? undefined : integer(args.competition, { flag: "competition", min: 1 });
    const competition = file.schedule
      .flatMap(({ competitions }) => competitions)
      .findLast((entry) => id === undefined || entry.id === id);
    if (competition === undefined)
      throw new OperatorError(`${file.name} has no competition ${id}.`, "See `finetune competition list`.");
    let done = 0;
    const attacks = simulateAttacks({
      competition,
      cadenceBlocks: file.sync.cadenceBlocks,
      rounds: integer(args.rounds, { flag: "rounds", min: 3, max: 100_000 }),
      batches: integer(args.batches, { flag: "batches", min: 1, max: 10_000 }),
      seed: args.seed,
      onStep: () => showProgress(++done),
    });
    if (args.json) {
      printJson({ competitionFile: file.name, competition: competition.id, attacks });
      return;
    }
    print(`${file.name}, competition ${competition.id} ${competition.name}: ${args.rounds} rounds of each attack.\n`);
    printTable(
      ["ATTACK", "EARNS, PUBLISHED", "EARNS, REPAIRED", "BEST HOLDS, PUBLISHED", "BEST HOLDS, REPAIRED"],
      attacks.map(({ name, published, repaired }) => [
        name,
        ...[published.attackers, repaired.attackers, published.bestHolds, repaired.bestHolds].map(percent),
      ]),
    );
    print(`\n${attacks.map(({ name, explains }) => `${name}: ${explains}.`).join("\n")}`);
    print("\nEarns: the attacker's part of all that is paid; for the validator that copies weights, its trust.");
    print("Best holds: the part of the rounds in which the truly best model has the highest weight.");
  },
});

function showProgress(done: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(done < simulationSteps ? `\rsimulating: ${done} of ${simulationSteps}` : "\r\u001b[K");
}
