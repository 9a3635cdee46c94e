/** The dataset viewer's interface: /splits, /size, /rows, /parquet, and the Parquet files themselves by ranges. */
import type { ColumnType, Row, Table } from "./datasets.ts";
import { writeParquet } from "./parquet.ts";

/** What one file holds at most; larger tables come in several files, as the public ones do. */
const rowsPerFile = 500;
const rowsPerGroup = 100;
/** The public server's limit on `length`. */
const rowsPerAnswer = 100;

interface ParquetFile {
  readonly table: Table;
  readonly filename: string;
  /** Path below the server's address. */
  readonly path: string;
  /** Written when first asked for: most readers want one dataset of the many. */
  readonly bytes: () => Uint8Array<ArrayBuffer>;
}

export class Viewer {
  private readonly files: readonly ParquetFile[];

  constructor(private readonly tables: readonly Table[]) {
    this.files = tables.flatMap(filesOf);
  }

  /** Answers a request of the viewer or for one of its files; null when the address is not one of these. */
  answer(request: Request): Response | null {
    const url = new URL(request.url);
    const path = decodeURIComponent(url.pathname);
    const file = this.files.find((each) => each.path === path);
    if (file !== undefined) return fileAnswer(request, file);
    const direct = /^\/api\/datasets\/([^/]+\/[^/]+)\/parquet(?:\/([^/]+)(?:\/([^/]+))?)?$/.exec(path);
    if (direct !== null) return this.direct(url.origin, direct[1]!, direct[2], direct[3]);
    const endpoint = { "/splits": this.splits, "/size": this.size, "/rows": this.rows, "/parquet": this.parquet }[path];
    return endpoint?.call(this, url) ?? null;
  }

  private splits(url: URL): Response {
    const tables = this.named(url);
    if (tables instanceof Response) return tables;
    return Response.json({ splits: tables.map(nameOf), pending: [], failed: [] });
  }

  private size(url: URL): Response {
    const tables = this.named(url);
    if (tables instanceof Response) return tables;
    const counted = tables.map((table) => ({ ...nameOf(table), ...this.countsOf(table) }));
    const total = (field: "num_rows" | "num_bytes_parquet_files") =>
      counted.reduce((sum, each) => sum + each[field], 0);
    const sums = { num_rows: total("num_rows"), num_bytes_parquet_files: total("num_bytes_parquet_files") };
    return Response.json({
      size: {
        dataset: { dataset: tables[0]!.dataset, ...sums, estimated_num_rows: null },
        configs: counted.map(({ split: _, ...config }) => config),
        splits: counted,
      },
      pending: [],
      failed: [],
      partial: false,
    });
  }

  private rows(url: URL): Response {
    const table = this.table(url);
    if (table instanceof Response) return table;
    const offset = Number(url.searchParams.get("offset") ?? 0);
    const length = Number(url.searchParams.get("length") ?? rowsPerAnswer);
    if (!Number.isInteger(offset) || offset < 0) return refusal(422, "Parameter 'offset' must not be negative");
    if (!Number.isInteger(length) || length < 1 || length > rowsPerAnswer)
      return refusal(422, `Parameter 'length' must not be greater than ${rowsPerAnswer}`);
    const rows = table.rows.slice(offset, offset + length);
    return Response.json({
      features: Object.entries(table.columns).map(([name, type], index) => ({
        feature_idx: index,
        name,
        type: featureTypes[type],
      })),
      rows: rows.map((row, index) => ({ row_idx: offset + index, row, truncated_cells: [] })),
      num_rows_total: table.rows.length,
      num_rows_per_page: rowsPerAnswer,
      partial: false,
    });
  }

  private parquet(url: URL): Response {
    const tables = this.named(url);
    if (tables instanceof Response) return tables;
    const files = this.files
      .filter(({ table }) => tables.includes(table))
      .map(({ table, filename, path, bytes }) => ({
        ...nameOf(table),
        url: addressOf(url.origin, path),
        filename,
        size: bytes().length,
      }));
    return Response.json({ parquet_files: files, pending: [], failed: [], partial: false });
  }

  /** The hub's own list of a dataset's Parquet files: {config: {split: [url]}}, or the part that was asked for. */
  private direct(origin: string, dataset: string, config?: string, split?: string): Response {
    const files = this.files.filter(({ table }) => table.dataset === dataset);
    if (files.length === 0) return refusal(404, "The dataset does not exist.");
    const all: Record<string, Record<string, string[]>> = {};
    for (const { table, path } of files) ((all[table.config] ??= {})[table.split] ??= []).push(addressOf(origin, path));
    if (config === undefined) return Response.json(all);
    const part = split === undefined ? all[config] : all[config]?.[split];
    return part === undefined ? refusal(404, "The configuration or split does not exist.") : Response.json(part);
  }

  /** The tables of the dataset (and configuration and split, where given) that a query names. */
  private named(url: URL): Table[] | Response {
    const dataset = url.searchParams.get("dataset");
    if (dataset === null) return refusal(422, "Parameter 'dataset' is required");
    const wanted = { config: url.searchParams.get("config"), split: url.searchParams.get("split") };
    const found = this.tables.filter(
      (table) =>
        table.dataset === dataset &&
        (wanted.config === null || wanted.config === table.config) &&
        (wanted.split === null || wanted.split === table.split),
    );
    return found.length > 0
      ? found
      : refusal(404, "The dataset does not exist, or has no such configuration or split.");
  }

  private table(url: URL): Table | Response {
    for (const name of ["dataset", "config", "split"])
      if (!url.searchParams.has(name)) return refusal(422, `Parameter '${name}' is required`);
    const found = this.named(url);
    return found instanceof Response ? found : found[0]!;
  }

  private countsOf(table: Table) {
    const bytes = this.files.filter((file) => file.table === table).reduce((sum, file) => sum + file.bytes().length, 0);
    return {
      num_rows: table.rows.length,
      num_columns: Object.keys(table.columns).length,
      num_bytes_parquet_files: bytes,
    };
  }
}

const value = { dtype: "string", _type: "Value" };
const featureTypes: Readonly<Record<ColumnType, unknown>> = {
  string: value,
  integer: { dtype: "int64", _type: "Value" },
  double: { dtype: "float64", _type: "Value" },
  messages: [{ content: value, role: value }],
};

function filesOf(table: Table): ParquetFile[] {
  return Array.from({ length: Math.ceil(table.rows.length / rowsPerFile) }, (_, index) => {
    const rows: readonly Row[] = table.rows.slice(index * rowsPerFile, (index + 1) * rowsPerFile);
    const filename = `${String(index).padStart(4, "0")}.parquet`;
    const path = `/datasets/${table.dataset}/resolve/refs/convert/parquet/${table.config}/${table.split}/${filename}`;
    let written: Uint8Array<ArrayBuffer> | undefined;
    return { table, filename, path, bytes: () => (written ??= writeParquet(table.columns, rows, rowsPerGroup)) };
  });
}

/** The revision `refs/convert/parquet` is one part of the address, so its slashes are escaped. */
function addressOf(origin: string, path: string): string {
  return `${origin}${path.replace("refs/convert/parquet", "refs%2Fconvert%2Fparquet")}`;
}

function nameOf({ dataset, config, split }: Table) {
  return { dataset, config, split };
}

function fileAnswer(request: Request, file: ParquetFile): Response {
  const bytes = file.bytes();
  const headers = { "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream" };
  if (request.method === "HEAD")
    return new Response(null, { headers: { ...headers, "Content-Length": String(bytes.length) } });
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("Range") ?? "");
  if (match === null) return new Response(bytes, { headers });
  const from = match[1] === "" ? Math.max(0, bytes.length - Number(match[2])) : Number(match[1]);
  const to = match[1] === "" || match[2] === "" ? bytes.length - 1 : Math.min(Number(match[2]), bytes.length - 1);
  if (from > to) return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${bytes.length}` } });
  const range = { "Content-Range": `bytes ${from}-${to}/${bytes.length}` };
  return new Response(bytes.slice(from, to + 1), { status: 206, headers: { ...headers, ...range } });
}

function refusal(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: { "X-Error-Message": error } });
}
