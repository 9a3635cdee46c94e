/**
 * Runs of a W&B project and their history, over its GraphQL interface. The project grows while it is read, so everything
 * is read as it was at one moment: whoever reads it later reads the same. (Only that a run is still running is as of now.)
 */
import { z } from "zod";
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import type { ConversationRow, ConversationRun } from "../draw/conversations.ts";
import { parseFooter, readFooterBytes } from "../parquet/footer.ts";
import { readRows, rowsBetween } from "../parquet/rows.ts";
import type { DataBounds } from "./bounds.ts";
import { hostAndPath, isServerAddress, request, requestJson } from "./request.ts";

export interface WandbAccess {
  /** Without a slash at its end. */
  readonly url: string;
  readonly key: string | undefined;
  readonly bounds: DataBounds;
  /** The moment: what was begun or logged after it is left out, and ages are counted to it. */
  readonly asOfMs: number;
  /** Whether a run's hotkey signed its id. The chain's cryptography is no part of this module. */
  readonly verify: (signed: { readonly runId: string; readonly hotkey: string; readonly signature: string }) => boolean;
}

const runsQuery = `query Runs($project: String!, $entity: String!, $filters: JSONString!, $after: String, $first: Int!) {
  project(name: $project, entityName: $entity) {
    runs(filters: $filters, after: $after, first: $first, order: "+created_at") {
      edges { node { name config createdAt historyKeys } }
      pageInfo { endCursor hasNextPage }
    }
  }
}`;
const historyQuery = `query History($project: String!, $entity: String!, $run: String!, $min: Int64!, $max: Int64!, $samples: Int!) {
  project(name: $project, entityName: $entity) { run(name: $run) { history(minStep: $min, maxStep: $max, samples: $samples) } }
}`;
const exportedQuery = `query Exported($project: String!, $entity: String!, $run: String!) {
  project(name: $project, entityName: $entity) { run(name: $run) { parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData } } }
}`;

const runsPerPage = 50;
/** Of a project's list, wanted or not. */
const runsMax = 10_000;
/** Of one exported history: far more than a run logs in its life, and few enough for a list of their numbers. */
const exportedRowsMax = 1_000_000;

const runNode = z.object({
  name: z.string().max(128),
  config: z.string(),
  createdAt: z.string(),
  historyKeys: z.object({ lastStep: z.int().nonnegative() }).nullable(),
});
const runsPage = z.object({
  runs: z.object({
    edges: z.array(z.object({ node: runNode })),
    pageInfo: z.object({ endCursor: z.string().nullable(), hasNextPage: z.boolean() }),
  }),
});
type RunsPage = z.infer<typeof runsPage>;
const runsSchema = answerOf(runsPage);
const historySchema = answerOf(z.object({ run: z.object({ history: z.array(z.string()).nullable() }).nullable() }));
const exportedSchema = answerOf(
  z.object({
    run: z
      .object({
        parquetHistory: z.object({
          parquetUrls: z.array(z.string()).max(1000),
          liveData: z.array(z.record(z.string(), z.unknown())).nullable(),
        }),
      })
      .nullable(),
  }),
);
const configSchema = z.object({
  hotkey: z.object({ value: z.string() }),
  signature: z.object({ value: z.string() }),
});

function answerOf<T>(project: z.ZodType<T>) {
  return z.object({
    data: z.object({ project: project.nullable() }).nullish(),
    errors: z.array(z.object({ message: z.string() })).optional(),
  });
}

/**
 * The running runs of a kind of a project (`entity/name`), in the order of creation. Those that say nothing of a hotkey and
 * those that began after the moment are left out: one more would change the order that is drawn.
 */
export async function listRuns(
  access: WandbAccess,
  { project, runType, signal }: { readonly project: string; readonly runType: string; readonly signal: AbortSignal },
): Promise<readonly ConversationRun[] | Invalid> {
  const filters = JSON.stringify({ $and: [{ "config.type.value": runType }, { state: "running" }] });
  const runs: ConversationRun[] = [];
  let after: string | null = null;
  for (let listed = 0; ; ) {
    const variables: object = { ...nameOf(project), filters, after, first: runsPerPage };
    const found: RunsPage | Invalid = projectOf(
      await query(access, { query: runsQuery, variables, signal }, runsSchema),
      project,
    );
    if (isInvalid(found)) return found;
    const { edges, pageInfo }: RunsPage["runs"] = found.runs;
    for (const { node } of edges) {
      const run = readRun(access, node);
      if (run !== null) runs.push(run);
    }
    if (!pageInfo.hasNextPage || pageInfo.endCursor === null) return runs;
    listed += edges.length;
    if (edges.length === 0 || listed > runsMax) return invalid("too-many", `${project} has runs without end.`);
    after = pageInfo.endCursor;
  }
}

function readRun(
  { verify, asOfMs }: WandbAccess,
  { name: id, config, createdAt, historyKeys }: z.infer<typeof runNode>,
): ConversationRun | null {
  if (!(timeOf(createdAt) <= asOfMs)) return null;
  let json: unknown;
  try {
    json = JSON.parse(config);
  } catch {
    return null;
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success || historyKeys === null) return null;
  const [hotkey, signature] = [parsed.data.hotkey.value, parsed.data.signature.value];
  return { id, hotkey, isSigned: verify({ runId: id, hotkey, signature }), lastStep: historyKeys.lastStep };
}

/** W&B has written times with a zone and without; without one they are in UTC too. NaN for what is no time. */
function timeOf(text: string): number {
  return Date.parse(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
}

interface StepsWanted {
  readonly project: string;
  readonly run: ConversationRun;
  /** How many of the last steps. */
  readonly stepsMax: number;
  /** What is read of an exported history, which is read by columns. */
  readonly columns: readonly string[];
  readonly signal: AbortSignal;
}

/** A run that has logged this many steps since the moment is not looked through: a step can be a megabyte. */
const stepsBackMax = 320;

/** The rows of the last steps that a run had logged at the moment, in order. */
export async function readSteps(
  access: WandbAccess,
  wanted: StepsWanted,
): Promise<readonly ConversationRow[] | Invalid> {
  const { run, stepsMax } = wanted;
  for (let back = stepsMax; ; back *= 4) {
    const fromStep = Math.max(0, run.lastStep + 1 - back);
    const rows = await readStepsFrom(access, wanted, fromStep);
    if (isInvalid(rows)) return rows;
    const logged = rows.filter(({ ageSeconds }) => ageSeconds >= 0);
    const firstStep = (logged.at(-1)?.step ?? -1) - stepsMax + 1;
    if (fromStep === 0 || (logged.length > 0 && firstStep >= fromStep))
      return logged.filter(({ step }) => step >= firstStep);
    if (back >= stepsBackMax)
      return invalid("too-late", `Run ${run.id} has logged more than ${back - stepsMax} steps since the block.`);
  }
}

async function readStepsFrom(
  access: WandbAccess,
  { project, run, columns, signal }: StepsWanted,
  fromStep: number,
): Promise<readonly ConversationRow[] | Invalid> {
  const names = { ...nameOf(project), run: run.id };
  const variables = { ...names, min: fromStep, max: run.lastStep + 1, samples: run.lastStep + 1 - fromStep };
  const live = projectOf(await query(access, { query: historyQuery, variables, signal }, historySchema), project);
  if (isInvalid(live)) return live;
  const rows: Record<string, unknown>[] = [];
  for (const line of live.run?.history ?? []) {
    const row = parseRow(line);
    if (row === null) return invalid("not-json", `Run ${run.id} has a step that is not JSON.`);
    rows.push(row);
  }
  // A server that has moved the steps into files gives none of them here.
  const all = rows.length > 0 ? rows : await readExported(access, { project, names, columns, signal });
  if (isInvalid(all)) return all;
  return all
    .map((fields) => rowOf(fields, access.asOfMs))
    .filter((row) => row !== null && row.step >= fromStep && row.step <= run.lastStep)
    .map((row) => row!)
    .toSorted((a, b) => a.step - b.step);
}

async function readExported(
  access: WandbAccess,
  {
    project,
    names,
    columns,
    signal,
  }: {
    readonly project: string;
    readonly names: Readonly<Record<string, string>>;
    readonly columns: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<readonly Readonly<Record<string, unknown>>[] | Invalid> {
  const found = projectOf(
    await query(access, { query: exportedQuery, variables: names, signal }, exportedSchema),
    project,
  );
  if (isInvalid(found)) return found;
  const { parquetUrls, liveData } = found.run?.parquetHistory ?? { parquetUrls: [], liveData: [] };
  const rows: Readonly<Record<string, unknown>>[] = [];
  for (const url of parquetUrls) {
    if (!isServerAddress(url)) return invalid("bad-address", `${url.slice(0, 200)} is no address.`);
    const part = await readExportedFile(access, url, columns, signal);
    if (isInvalid(part)) return part;
    rows.push(...part);
  }
  return [...rows, ...(liveData ?? [])];
}

/** The links are signed and short-lived, and not every store behind them knows ranges: the file is read as a whole. */
async function readExportedFile({ bounds }: WandbAccess, url: string, columns: readonly string[], signal: AbortSignal) {
  const bytes = await request({ url, bytesMax: bounds.fileBytesMax, bounds, signal }, (answer) => answer.bytes);
  if (isInvalid(bytes)) return bytes;
  const source = {
    name: hostAndPath(url),
    sizeBytes: bytes.length,
    signal,
    read: async (from: number, to: number) => bytes.slice(from, to),
  };
  const end = await readFooterBytes(source);
  if (isInvalid(end)) return end;
  const footer = parseFooter(end, source);
  if (isInvalid(footer)) return footer;
  if (footer.rows > exportedRowsMax)
    return invalid("too-large", `${source.name} has ${footer.rows} rows; at most ${exportedRowsMax} are read.`);
  // Most uids never answered, and have no column.
  const present = new Set(
    footer.metadata.row_groups[0]?.columns.map(({ meta_data: column }) => column!.path_in_schema[0]),
  );
  return readRows(source, footer, {
    columns: columns.filter((name) => present.has(name)),
    rows: rowsBetween(0, footer.rows),
  });
}

function rowOf(fields: Readonly<Record<string, unknown>>, asOfMs: number): ConversationRow | null {
  const [step, timestamp] = [Number(fields._step), Number(fields._timestamp)];
  if (!Number.isSafeInteger(step) || !Number.isFinite(timestamp)) return null;
  return { step, ageSeconds: asOfMs / 1000 - timestamp, fields };
}

function parseRow(line: string): Record<string, unknown> | null {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === "object" && row !== null && !Array.isArray(row) ? (row as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function query<T>(
  { url, key, bounds }: WandbAccess,
  { signal, ...body }: { readonly query: string; readonly variables: object; readonly signal: AbortSignal },
  schema: z.ZodType<T>,
): Promise<T | Invalid> {
  const headers = {
    "Content-Type": "application/json",
    ...(key === undefined ? {} : { Authorization: `Basic ${btoa(`api:${key}`)}` }),
  };
  return requestJson(
    { url: `${url}/graphql`, method: "POST", headers, body: JSON.stringify(body), bounds, signal },
    schema,
  );
}

/** The project of an answer, or what W&B says is wrong. */
function projectOf<T>(
  answer:
    | {
        readonly data?: { readonly project: T | null } | null | undefined;
        readonly errors?: readonly { readonly message: string }[] | undefined;
      }
    | Invalid,
  project: string,
): T | Invalid {
  if (isInvalid(answer)) return answer;
  const found = answer.data?.project;
  if (found !== null && found !== undefined) return found;
  const said = answer.errors?.[0]?.message;
  return invalid("no-project", `W&B does not show ${project}${said === undefined ? "" : `: ${said.slice(0, 200)}`}.`);
}

function nameOf(project: string): { readonly entity: string; readonly project: string } {
  const [entity = "", name = ""] = project.split("/");
  return { entity, project: name };
}
