/** `finetune db …`: look after the state file. */
import type { CheckReport } from "../store/check.ts";
import { command, exitCode, group } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { durationMs } from "./values.ts";

const json = { type: "boolean", description: "print one JSON document" } as const;

const info = command({
  summary: "show what the state file holds",
  examples: [{ line: "db info --db state.sqlite", explains: "rows and bytes by table, rounds, chain, who writes it" }],
  args: { ...settingArgs("db"), json },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { describeStore } = await import("../store/info.ts");
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const found = await describeStore(store);
      if (args.json) return printJson(found);
      const { writer, chain } = found;
      print(`file        ${found.path}`);
      print(`size        ${bytes(found.sizeBytes)} and ${bytes(found.logBytes)} of log`);
      print(`made by     ${found.migrations.map(({ name, summary }) => `${name} (${summary})`).join("; ")}`);
      print(
        `chain       ${chain === undefined ? "not known yet" : `subnet ${chain.netuid}, genesis ${chain.genesisHash}`}`,
      );
      if (writer !== undefined)
        print(
          `writer      ${writer.writing ? "" : "none; last was "}process ${writer.pid} on ${writer.host}, finetune ${writer.version}, since ${new Date(writer.started_at).toISOString()}`,
        );
      const rounds = Object.entries(found.rounds).map(([state, count]) => `${count} ${state}`);
      const span =
        found.firstSyncBlock === undefined ? "" : `, blocks ${found.firstSyncBlock} to ${found.lastSyncBlock}`;
      print(`rounds      ${rounds.length === 0 ? "none" : rounds.join(", ")}${span}\n`);
      printTable(
        ["table", "rows", "bytes", "bytes a row"],
        found.tables.map(({ table, rows, sizeBytes }) => [
          table,
          rows,
          sizeBytes,
          rows === 0 ? "–" : (sizeBytes / rows).toFixed(1),
        ]),
      );
      if (found.events.length === 0) return;
      print("\nLast events");
      printTable(
        ["time", "level", "event", "what happened"],
        found.events.map(({ at, level, kind, message }) => [new Date(at).toISOString(), level, kind, message]),
      );
    } finally {
      await store.close();
    }
  },
});

const check = command({
  summary: "read the whole file and say what is lost and what is not",
  examples: [
    { line: "db check --db state.sqlite", explains: "exit code 1 when anything is wrong" },
    { line: "db check --salvage rescued.sqlite", explains: "copy everything that can be read into a new file" },
  ],
  args: {
    ...settingArgs("db"),
    salvage: { type: "string", valueHint: "FILE", description: "write what is readable here" },
    json,
  },
  async run(args) {
    const { checkFile, salvage } = await import("../store/check.ts");
    const report = await checkFile(settingOf("db", args));
    const salvaged = args.salvage === undefined ? undefined : await salvage(report.path, args.salvage);
    const code = report.sound ? exitCode.success : exitCode.failure;
    if (args.json) {
      printJson({ ...report, ...(salvaged === undefined ? {} : { salvaged }) });
      return code;
    }
    print(report.sound ? `${report.path} is sound.` : `${report.path} is damaged.`);
    for (const complaint of [...report.complaints, ...report.disagreements]) print(`  ${complaint}`);
    if (!report.sound && report.tables.length === 0)
      print("  The list of tables cannot be read: nothing can be saved.");
    print();
    printTable(
      ["table", "readable rows", "lost"],
      report.tables.map(({ table, readable, gap }) => [
        table,
        readable,
        gap === undefined ? "nothing" : `rows after ${gap.after}, before ${gap.before}`,
      ]),
    );
    if (salvaged === undefined && !report.sound && report.tables.length > 0) print(`\n${adviceOn(report)}`);
    if (salvaged !== undefined)
      print(`\n${salvaged.reduce((sum, { kept }) => sum + kept, 0)} rows were copied to ${args.salvage}.`);
    return code;
  },
});

/** What to do with a file that is not sound, in a sentence for what is lost and one for what helps. */
function adviceOn({ tables, complaints }: CheckReport): string {
  const copy = "`finetune db check --salvage NEW.sqlite` copies what can be read; a backup may hold more.";
  if (tables.some(({ gap }) => gap !== undefined)) return `The rows named above are lost. ${copy}`;
  if (complaints.length > 0)
    return `Every row can be read: what is damaged helps to find them, or is no longer used. ${copy}`;
  return "Every row can be read, but rows that belong together are missing or contradict each other: a backup may be whole.";
}

const backup = command({
  summary: "copy the state file as of now, also while a validator writes it",
  examples: [{ line: "db backup monday.sqlite --db state.sqlite", explains: "a compact copy; FILE must not exist" }],
  args: { ...settingArgs("db"), file: { type: "positional", required: true, description: "the copy to make" }, json },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { backupTo } = await import("../store/backup.ts");
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const sizeBytes = await backupTo(store.maintenance, args.file);
      if (args.json) printJson({ file: args.file, sizeBytes });
      else print(`${args.file} holds ${bytes(sizeBytes)}.`);
    } finally {
      await store.close();
    }
  },
});

const prune = command({
  summary: "delete what old rounds measured; their standings and weights stay",
  examples: [
    { line: "db prune --older-than 30d", explains: "losses and samples of rounds that closed over 30 days ago" },
  ],
  args: {
    ...settingArgs("db"),
    "older-than": { type: "string", required: true, valueHint: "TIME", description: "an age such as 30d, 12h or 2w" },
    json,
  },
  async run(args) {
    const age = durationMs(args["older-than"], { flag: "older-than" });
    const { openStore } = await import("../store/store.ts");
    const store = await openStore({ path: settingOf("db", args), mode: "write" });
    try {
      const { prune: pruneStore } = await import("../store/prune.ts");
      const pruned = await pruneStore(store, Date.now() - age);
      store.maintenance.compact();
      if (args.json) return printJson(pruned);
      print(
        `${pruned.rounds} rounds pruned: ${pruned.losses} losses, ${pruned.samples} samples and ${pruned.events} events deleted.`,
      );
    } finally {
      await store.close();
    }
  },
});

const migrate = command({
  summary: "bring a file of an older version up to date, after a backup beside it",
  examples: [{ line: "db migrate --db state.sqlite", explains: "does nothing to a file that is up to date" }],
  args: { ...settingArgs("db"), json },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const store = await openStore({ path: settingOf("db", args), mode: "write" });
    try {
      const { applied, backup: copy } = store.migrated;
      if (args.json) return printJson({ applied, backup: copy ?? null });
      print(applied.length === 0 ? "The file is up to date." : `Applied ${applied.join(", ")}.`);
      if (copy !== undefined) print(`The file as it was before is ${copy}.`);
    } finally {
      await store.close();
    }
  },
});

function bytes(count: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = count < 1024 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), units.length - 1);
  return `${power === 0 ? count : (count / 1024 ** power).toFixed(1)} ${units[power]}`;
}

const loaded = (summary: string, definition: ReturnType<typeof command>) => ({
  summary,
  load: async () => ({ default: definition }),
});

export default group("Look after the state file.", {
  info: loaded(info.summary, info),
  check: loaded(check.summary, check),
  backup: loaded(backup.summary, backup),
  prune: loaded(prune.summary, prune),
  migrate: loaded(migrate.summary, migrate),
});
