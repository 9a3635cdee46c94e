/** The part of W&B's GraphQL interface that reads a project's runs and their history. */
import { buildSchema, graphql } from "graphql";
import { passes } from "./filters.ts";
import { writeParquet } from "./parquet.ts";
import type { HistoryRow, Run } from "./runs.ts";

const schema = buildSchema(`
  scalar JSONString
  scalar JSON
  scalar Int64
  scalar DateTime
  type Query {
    viewer: User
    project(name: String!, entityName: String): Project
  }
  type User { id: ID! name: String username: String entity: String email: String flags: JSONString teams: TeamConnection }
  type TeamConnection { edges: [TeamEdge!]! }
  type TeamEdge { node: Team }
  type Team { name: String }
  type Project {
    id: ID!
    internalId: ID!
    name: String!
    entityName: String!
    readOnly: Boolean
    runCount(filters: JSONString): Int
    runs(filters: JSONString, after: String, before: String, first: Int, order: String): RunConnection
    run(name: String!): Run
  }
  type RunConnection { totalCount: Int edges: [RunEdge!]! pageInfo: PageInfo! }
  type RunEdge { node: Run! cursor: String! }
  type PageInfo { endCursor: String hasNextPage: Boolean! }
  type ParquetHistory { parquetUrls: [String!]! liveData: [JSON!] }
  type Run {
    id: ID!
    name: String!
    projectId: ID
    displayName: String
    state: String
    config(keys: [String!]): JSONString
    summaryMetrics(keys: [String!]): JSONString
    systemMetrics: JSONString
    historyKeys: JSON
    historyLineCount: Int
    createdAt: DateTime
    updatedAt: DateTime
    heartbeatAt: DateTime
    description: String
    notes: String
    commit: String
    group: String
    jobType: String
    sweepName: String
    readOnly: Boolean
    tags: [String!]
    user: User
    history(minStep: Int64, maxStep: Int64, samples: Int): [JSONString!]
    sampledHistory(specs: [JSONString!]!): [JSON!]
    parquetHistory(liveKeys: [String!]!): ParquetHistory
  }
`);

export interface Project {
  readonly entity: string;
  readonly name: string;
  readonly runs: readonly Run[];
}

/** Whoever asks: the server has one account. */
const user = { id: "local", name: "local", username: "local", email: "local@localhost" };

export class Wandb {
  /** Path → the first half of a run's history, which W&B has exported to Parquet; the rest is live. */
  private readonly exported = new Map<string, Uint8Array<ArrayBuffer>>();

  constructor(private readonly project: Project) {
    for (const run of project.runs) this.exported.set(exportPath(run), exportOf(run));
  }

  /** Answers `POST /graphql` and the exported files; null when the address is not one of these. */
  async answer(request: Request): Promise<Response | null> {
    const url = new URL(request.url);
    const file = this.exported.get(url.pathname);
    if (file !== undefined) return new Response(file);
    if (url.pathname !== "/graphql" || request.method !== "POST") return null;
    const body = (await request.json().catch(() => ({}))) as { query?: unknown; variables?: Record<string, unknown> };
    const result = await graphql({
      schema,
      source: String(body.query ?? ""),
      rootValue: this.root(url.origin),
      ...(body.variables === undefined || body.variables === null ? {} : { variableValues: body.variables }),
    });
    return Response.json(result, { status: result.data === undefined && result.errors !== undefined ? 400 : 200 });
  }

  private root(origin: string) {
    const { entity, name, runs } = this.project;
    const named = (wanted: { readonly name: string; readonly entityName?: string }) =>
      wanted.name === name && (wanted.entityName ?? entity) === entity
        ? projectResolver(entity, name, (run) => runResolver(run, origin), runs)
        : null;
    return { viewer: { ...user, entity, flags: "{}", teams: { edges: [{ node: { name: entity } }] } }, project: named };
  }
}

function projectResolver(
  entity: string,
  name: string,
  resolve: (run: Run) => ReturnType<typeof runResolver>,
  runs: readonly Run[],
) {
  const filtered = (filters: string | undefined) => runs.filter((run) => passes(run, JSON.parse(filters ?? "{}")));
  return {
    id: `${entity}/${name}`,
    internalId: "1",
    name,
    entityName: entity,
    readOnly: true,
    runCount: ({ filters }: { readonly filters?: string }) => filtered(filters).length,
    runs: (page: {
      readonly filters?: string;
      readonly after?: string;
      readonly first?: number;
      readonly order?: string;
    }) => {
      const ordered = [...filtered(page.filters)].sort(orderOf(page.order));
      const start = Number(page.after ?? 0);
      const shown = ordered.slice(start, start + (page.first ?? 50));
      const end = start + shown.length;
      return {
        totalCount: ordered.length,
        edges: shown.map((run, index) => ({ node: resolve(run), cursor: String(start + index + 1) })),
        pageInfo: { endCursor: String(end), hasNextPage: end < ordered.length },
      };
    },
    run: ({ name: id }: { readonly name: string }) => {
      const run = runs.find((each) => each.id === id);
      return run === undefined ? null : resolve(run);
    },
  };
}

function runResolver(run: Run, origin: string) {
  const last = run.history.at(-1)!;
  const config = Object.fromEntries(Object.entries(run.config).map(([key, value]) => [key, { value }]));
  return {
    id: run.id,
    name: run.id,
    projectId: "1",
    displayName: run.displayName,
    state: run.state,
    config: ({ keys }: { readonly keys?: string[] }) => JSON.stringify(chosen(config, keys)),
    summaryMetrics: ({ keys }: { readonly keys?: string[] }) => JSON.stringify(chosen(last, keys)),
    systemMetrics: "{}",
    historyKeys: { lastStep: last._step, keys: Object.fromEntries(Object.keys(last).map((key) => [key, {}])) },
    historyLineCount: run.history.length,
    createdAt: run.createdAt,
    updatedAt: run.heartbeatAt,
    heartbeatAt: run.heartbeatAt,
    readOnly: true,
    tags: run.tags,
    user,
    history: ({ minStep, maxStep, samples }: Readonly<Record<string, number | null | undefined>>) =>
      run.history
        .filter(({ _step }) => Number(_step) >= (minStep ?? 0) && Number(_step) < (maxStep ?? Infinity))
        .slice(0, samples ?? Infinity)
        .map((row) => JSON.stringify(row)),
    sampledHistory: ({ specs }: { readonly specs: string[] }) => specs.map((spec) => sampled(run, JSON.parse(spec))),
    parquetHistory: () => ({ parquetUrls: [`${origin}${exportPath(run)}`], liveData: run.history.slice(half(run)) }),
  };
}

/** Rows that have every wanted key, with these alone and the step. */
function sampled(run: Run, spec: { readonly keys?: string[]; readonly samples?: number; readonly minStep?: number }) {
  const keys = spec.keys ?? [];
  return run.history
    .filter((row) => keys.every((key) => key in row) && Number(row._step) >= (spec.minStep ?? 0))
    .slice(0, spec.samples ?? 500)
    .map((row) => (keys.length === 0 ? row : chosen(row, ["_step", ...keys])));
}

function chosen<T>(fields: Readonly<Record<string, T>>, keys: readonly string[] | undefined): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => keys === undefined || keys.includes(key)));
}

/** `+created_at` and `-created_at` (the default); other fields keep the project's order. */
function orderOf(order = "-created_at") {
  const direction = order.startsWith("-") ? -1 : 1;
  return (a: Run, b: Run) =>
    /created_?at/i.test(order) ? direction * (Date.parse(a.createdAt) - Date.parse(b.createdAt)) : 0;
}

function half(run: Run): number {
  return Math.floor(run.history.length / 2);
}

function exportPath(run: Run): string {
  return `/files/history/${run.id}.parquet`;
}

function exportOf(run: Run): Uint8Array<ArrayBuffer> {
  const rows: readonly HistoryRow[] = run.history.slice(0, half(run));
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  // The step is a 64-bit integer in W&B's files, and its client reads it as nothing else; other numbers are doubles.
  const typeOf = (name: string) =>
    name === "_step" ? "integer" : typeof rows[0]![name] === "number" ? "double" : "string";
  return writeParquet(Object.fromEntries(names.map((name) => [name, typeOf(name)] as const)), rows, 100);
}
