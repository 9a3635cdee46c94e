/** `finetune inspect`: what a model is and whether it may contend, from its headers. Flags and wiring only. */
import { availableParallelism } from "node:os";
import { OperatorError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { type Invalid, isInvalid } from "../base/invalid.ts";
import { printable } from "../base/log.ts";
import type { Competition } from "../competition/competition.ts";
import { chooseWiden } from "../eval/memory.ts";
import { listModel } from "../hub/inspect.ts";
import { folderBytes, openFolder } from "../model/folder.ts";
import { type Inspection, inspectModel } from "../model/inspection.ts";
import { command } from "./command.ts";
import { competitionFileArg, competitionIdOf, loadCompetitions } from "./competitions.ts";
import { howComputed } from "./computation.ts";
import { type Constraint, checkInspection, type MeasuredNorms } from "./inspect-constraints.ts";
import { type ModelFlags, modelArgs } from "./model-args.ts";
import { findModel } from "./model-source.ts";
import { print, printJson, printTable } from "./output.ts";
import { asInvalid, remoteFiles } from "./remote-files.ts";
import { asHubError, hubError, hubOf, pinRevision } from "./remote-model.ts";

export default command({
  summary: "what a model is and whether it may contend, without downloading it",
  examples: [
    { line: "inspect ./model --competition 4", explains: "would this model be admitted to competition 4?" },
    {
      line: "inspect ./model --competition 4 --parameters",
      explains: "the same, with every parameter read: norms, NaN",
    },
    { line: "inspect namespace/name@main --json", explains: "a model of the hub, from a few kilobytes of it" },
  ],
  args: {
    ...modelArgs,
    competition: { type: "string", valueHint: "ID", description: "check the constraints of this competition" },
    competitions: { ...competitionFileArg, default: "sn37-latest" },
    parameters: { type: "boolean", description: "read every parameter too (a folder only): NaN, infinity, norms" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const signal = onInterrupt();
    const competition = await findCompetition(args.competition, args.competitions);
    const report = await inspect(args, { signal, competition, readParameters: args.parameters === true });
    if (args.json) printJson(report);
    else show(report);
    return report.verdict === "valid" ? 0 : 1;
  },
});

interface Report extends Partial<Omit<Inspection, "kind">> {
  readonly model: string;
  /** The commit that was looked at, for a model of the hub. */
  readonly revision?: string;
  /** How this machine would compute it at this moment. */
  readonly computation?: { readonly mode: "load" | "run"; readonly threads: number };
  /** Everything in the folder or at the revision: what a competition limits. */
  readonly repositoryBytes?: number;
  readonly constraints?: readonly Constraint[];
  readonly verdict: "valid" | "invalid";
  readonly reasons: readonly string[];
}

interface Task {
  readonly signal: AbortSignal;
  readonly competition: Competition | undefined;
  readonly readParameters: boolean;
}

async function inspect(args: ModelFlags, task: Task): Promise<Report> {
  try {
    const place = await findModel(args);
    return place.kind === "folder"
      ? await inspectFolder(args, place, task)
      : await inspectRepository(args, place, task);
  } catch (error) {
    throw asHubError(error);
  }
}

async function inspectFolder(
  { model }: ModelFlags,
  { path, links }: { readonly path: string; readonly links: "refuse" | "hub-cache" },
  { competition, readParameters, signal }: Task,
): Promise<Report> {
  const source = await openFolder(path, links);
  if (isInvalid(source)) return refusal({ model }, source);
  const inspection = await inspectModel(source, { cores: availableParallelism() });
  if (isInvalid(inspection)) return refusal({ model }, inspection);
  const { measureNorms } = await import("./inspect-folder.ts");
  const norms = readParameters ? await measureNorms(path, links, signal) : undefined;
  return judge({ model, repositoryBytes: await folderBytes(source.path) }, inspection, { competition, norms });
}

async function inspectRepository(
  args: ModelFlags,
  place: { readonly repo: string; readonly revision: string },
  { competition, readParameters, signal }: Task,
): Promise<Report> {
  if (readParameters)
    throw new OperatorError("--parameters needs a folder: it reads the whole model.", "Download the model first.");
  const hub = hubOf(args as unknown as Readonly<Record<string, unknown>>);
  const source = await pinRevision(hub, place, signal);
  const about = { model: source.repo, revision: source.revision };
  const listed = await listModel(hub, { ...source, signal });
  if (listed.kind !== "ok") {
    if (listed.kind === "invalid") return refusal(about, asInvalid(listed));
    throw hubError(listed);
  }
  const files = remoteFiles(hub, { ...source, listing: listed.value, signal });
  const inspection = await inspectModel(files, { cores: availableParallelism() });
  const { repositoryBytes } = listed.value;
  if (isInvalid(inspection)) return refusal({ ...about, repositoryBytes }, inspection);
  return judge({ ...about, repositoryBytes }, inspection, { competition, norms: undefined });
}

type About = Pick<Report, "model" | "revision" | "repositoryBytes">;

function refusal(about: About, { reason, detail }: Invalid): Report {
  return { ...about, verdict: "invalid", reasons: [`${reason}: ${detail}`] };
}

function judge(
  about: About & { readonly repositoryBytes: number },
  { kind: _, ...inspection }: Inspection,
  given: { readonly competition: Competition | undefined; readonly norms: MeasuredNorms | undefined },
): Report {
  const { constraints, reasons } = checkInspection({ ...inspection, ...about }, given);
  const verdict = reasons.length === 0 ? "valid" : "invalid";
  const computation = { mode: chooseWiden(inspection), threads: availableParallelism() };
  return { ...about, ...inspection, computation, ...(given.competition ? { constraints } : {}), verdict, reasons };
}

/** The competition as it runs last: its newest rules. */
async function findCompetition(id: string | undefined, file: string): Promise<Competition | undefined> {
  if (id === undefined) return undefined;
  const number = competitionIdOf(id);
  const { schedule } = await loadCompetitions(file);
  const found = schedule.flatMap(({ competitions }) => competitions).findLast((entry) => entry.id === number);
  if (found !== undefined) return found;
  throw new OperatorError(`${file} has no competition ${number}.`, "`finetune competition list` shows them all.");
}

function show(report: Report): void {
  const { architecture, parameters, estimate, computation } = report;
  if (architecture !== undefined && parameters !== undefined && estimate !== undefined && computation !== undefined) {
    const rows: [string, string][] = [
      ["architecture", architecture],
      ["parameters", parameters.toLocaleString("en")],
      ["stored as", report.dtype!],
      ["tensors", `${report.tensors} (${gigabytes(report.bytes!)})`],
      ["all files", gigabytes(report.repositoryBytes!)],
      ["context", `${report.contextTokens} tokens`],
      ["vocabulary", String(report.vocabularySize)],
      ["tokenizer", report.tokenizer === null ? "none" : `tokenizer.json, ${report.tokenizer!.sizeBytes} bytes`],
      [
        "memory",
        `about ${gigabytes(estimate.memoryBytesMapped)} mapped, ${gigabytes(estimate.memoryBytesWidened)} widened`,
      ],
      ["computed with", howComputed(computation)],
      ["time", `about ${estimate.secondsPer1000Tokens.toPrecision(2)} s for 1000 tokens on this machine's cores`],
    ];
    printTable(["", report.model], rows);
  }
  if (report.constraints !== undefined) {
    print();
    const mark = (met: boolean | null) => (met === null ? "not measured" : met ? "met" : "broken");
    printTable(
      ["constraint", "limit", "value", ""],
      report.constraints.map(({ name, limit, value, met }) => [name, cut(limit), cut(value), mark(met)]),
    );
  }
  print();
  print(report.verdict === "valid" ? `${printable(report.model)}: valid` : `${printable(report.model)}: invalid`);
  for (const reason of report.reasons) process.stderr.write(`${printable(reason)}\n`);
}

/** For a table; the whole text is in a reason when it matters, and in the JSON. */
function cut(text: string): string {
  return text.length <= 48 ? text : `${text.slice(0, 47)}…`;
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(2)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
