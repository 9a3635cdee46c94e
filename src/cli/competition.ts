/** `finetune competition …`: the rules as data, shown and checked. */
import { OperatorError } from "../base/errors.ts";
import { builtInNames } from "../competition/built-in.ts";
import type { Competition, CompetitionFile, Epsilon } from "../competition/competition.ts";
import { competitionFileSchema } from "../competition/competition-file.ts";
import { competitionDue, competitionsAt, nextSyncBlock, syncBlockAt } from "../competition/schedule.ts";
import { command, group } from "./command.ts";
import { competitionFileArg, loadCompetitions, parseFile } from "./competitions.ts";
import { print, printJson, printTable } from "./output.ts";
import { integer } from "./values.ts";

const json = { type: "boolean", description: "print JSON" } as const;
const file = { ...competitionFileArg, default: "sn37-latest" } as const;

const list = command({
  summary: "list the competitions of a file, period by period",
  examples: [
    { line: "competition list", explains: "the public subnet's competitions" },
    { line: "competition list --competitions demo --json", explains: "the local subnet's, for a script" },
  ],
  args: { competitions: file, json },
  async run(args) {
    const competitions = await loadCompetitions(args.competitions);
    if (args.json) {
      printJson(competitions);
      return;
    }
    print(`${competitions.name}: ${competitions.description}\nBuilt in: ${builtInNames.join(", ")}.\n`);
    const rows = competitions.schedule.flatMap((period) =>
      period.competitions.map((entry) => [period.fromBlock, ...describeShort(entry)]),
    );
    printTable(["FROM BLOCK", "ID", "NAME", "SHARE", "EPSILON", "WINS", "ROUND WEIGHTS", "TASKS"], rows);
  },
});

const show = command({
  summary: "show one competition in full, in each period that it runs",
  examples: [
    { line: "competition show 4", explains: "all rules of competition 4 of the public subnet" },
    { line: "competition show arithmetic --competitions demo", explains: "by its name" },
  ],
  args: {
    competition: { type: "positional", valueHint: "ID|NAME", description: "its number or its name", required: true },
    competitions: file,
    json,
  },
  async run(args) {
    const wanted = args.competition.toUpperCase();
    const competitions = await loadCompetitions(args.competitions);
    const found = competitions.schedule.flatMap(({ fromBlock, competitions: entries }) =>
      entries
        .filter(({ id, name }) => String(id) === wanted || name.toUpperCase() === wanted)
        .map((competition) => ({ fromBlock, competition })),
    );
    if (found.length === 0) throw unknownCompetition(args.competition, competitions);
    if (args.json) {
      printJson(found);
      return;
    }
    for (const { fromBlock, competition } of found)
      print(`From block ${fromBlock}:\n${JSON.stringify(competition, null, 2)}\n`);
  },
});

const check = command({
  summary: "check a competition file and name every mistake by its path",
  examples: [{ line: "competition check my-subnet.json", explains: "exits 1 when the file is not valid" }],
  args: { file: { type: "positional", valueHint: "FILE", description: "the file", required: true }, json },
  async run(args) {
    const parsed = await parseFile(args.file);
    const problems = parsed.kind === "invalid" ? parsed.problems : [];
    if (args.json) printJson({ valid: problems.length === 0, problems });
    else if (parsed.kind === "competitions") print(`${args.file} is valid: ${parsed.file.schedule.length} periods.`);
    else for (const { path, message } of problems) print(`${path === "" ? args.file : path}: ${message}`);
    return problems.length === 0 ? 0 : 1;
  },
});

const at = command({
  summary: "tell which competitions run at a block, and whose turn it is",
  examples: [{ line: "competition at 5158632", explains: "the first block of competition 4" }],
  args: {
    block: { type: "positional", valueHint: "BLOCK", description: "the block's number", required: true },
    competitions: file,
    json,
  },
  async run(args) {
    const block = integer(args.block, { flag: "BLOCK", min: 0, max: Number.MAX_SAFE_INTEGER });
    const competitions = await loadCompetitions(args.competitions);
    const syncBlock = syncBlockAt(block, competitions.sync);
    const nextBlock = nextSyncBlock(block, competitions.sync);
    const running = competitionsAt(competitions, block);
    const due = competitionDue(competitions, syncBlock)?.id ?? null;
    if (args.json) {
      printJson({ block, syncBlock, nextSyncBlock: nextBlock, dueCompetition: due, competitions: running });
      return;
    }
    print(`Sync block ${syncBlock}, the next is ${nextBlock}. ${running.length === 0 ? "No competition runs." : ""}`);
    if (running.length > 0)
      printTable(
        ["ID", "NAME", "SHARE", "EPSILON", "WINS", "ROUND WEIGHTS", "TASKS", "TURN"],
        running.map((entry) => [...describeShort(entry), entry.id === due ? "this round" : ""]),
      );
  },
});

const schema = command({
  summary: "print the JSON Schema of a competition file",
  examples: [
    { line: "competition schema > competition.schema.json", explains: "for an editor's checks and completion" },
  ],
  args: {},
  async run() {
    print(JSON.stringify(competitionFileSchema(), null, 2));
  },
});

const entryOf = (one: typeof list | typeof show | typeof check | typeof at | typeof schema) => ({
  summary: one.summary,
  load: async () => ({ default: one }),
});

export default group("The competitions: rules as data.", {
  list: entryOf(list),
  show: entryOf(show),
  check: entryOf(check),
  at: entryOf(at),
  schema: entryOf(schema),
});

function describeShort(competition: Competition): (string | number)[] {
  const { id, name, emissionShare, epsilon, winRate, roundWeights, tasks } = competition;
  return [
    id,
    name,
    emissionShare,
    describeEpsilon(epsilon),
    winRate,
    roundWeights.kind === "softmax" ? `softmax, T = ${roundWeights.temperature}` : "winner",
    tasks.map((task) => `${task.name} ${task.weight}`).join(", "),
  ];
}

function describeEpsilon(epsilon: Epsilon): string {
  return epsilon.kind === "fixed"
    ? `${epsilon.value}`
    : `${epsilon.start} → ${epsilon.end} in ${epsilon.decayBlocks} blocks`;
}

function unknownCompetition(wanted: string, { name: file, schedule }: CompetitionFile): OperatorError {
  const known = new Map(schedule.flatMap(({ competitions }) => competitions.map(({ id, name }) => [id, name])));
  const list = [...known].map(([id, name]) => `${id} (${name})`).join(", ");
  return new OperatorError(`${file} has no competition ${wanted}.`, `Its competitions are ${list}.`);
}
