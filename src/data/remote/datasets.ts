/**
 * Datasets of the hub: how many rows each part has, and pages of rows. Rows come out of the dataset's Parquet files by
 * ranges; the viewer's rows API, which is slow and often asks for patience, is asked only where that fails. Both number
 * the rows alike, so validators that read by different ways still read the same.
 */
import { join } from "node:path";
import { z } from "zod";
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import type { DatasetSplit, Page } from "../draw/pages.ts";
import { type Footer, parseFooter, readFooterBytes } from "../parquet/footer.ts";
import { type ParquetRow, type RowChoice, readRows, rowsBetween } from "../parquet/rows.ts";
import type { DataBounds } from "./bounds.ts";
import { FooterCache } from "./footer-cache.ts";
import { type RemoteFile, remoteFile, remoteSize } from "./remote-file.ts";
import { isServerAddress, requestJson } from "./request.ts";

export interface DatasetsAccess {
  /** Both without a slash at their end. */
  readonly hubUrl: string;
  readonly datasetsUrl: string;
  /** Sent to these two alone. */
  readonly token: string | undefined;
  readonly cacheFolder: string;
  readonly bounds: DataBounds;
}

export interface PageRows {
  readonly rows: readonly ParquetRow[];
  readonly origin: "parquet" | "rows";
}

const sizeSchema = z.object({
  size: z.object({
    splits: z.array(z.object({ config: z.string(), split: z.string(), num_rows: z.int().nonnegative() })).max(100_000),
  }),
  pending: z.array(z.unknown()).optional(),
});
const filesSchema = z.object({
  parquet_files: z
    .array(z.object({ config: z.string(), split: z.string(), url: z.string(), size: z.int().positive() }))
    .max(100_000),
});
const urlsSchema = z.array(z.string()).max(100_000);
const rowsSchema = z.object({
  rows: z.array(
    z.object({
      row_idx: z.int(),
      row: z.record(z.string(), z.unknown()),
      truncated_cells: z.array(z.unknown()).optional(),
    }),
  ),
});
/** What the rows API gives at once. */
const rowsPerAnswer = 100;

/** What is read of one dataset for one round: lists of files are asked for once. */
export class Dataset {
  readonly #cache: FooterCache;
  readonly #files = new Map<string, Promise<RemoteFile[] | Invalid>>();
  readonly #footers = new Map<string, Footer>();

  constructor(
    readonly name: string,
    private readonly access: DatasetsAccess,
    private readonly signal: AbortSignal,
  ) {
    this.#cache = new FooterCache(join(access.cacheFolder, "footers"), access.bounds.footersBytesMax);
  }

  /** The configurations and splits in the server's order. */
  async splits(): Promise<readonly DatasetSplit[] | Invalid> {
    const answer = await this.#ask("/size", {}, sizeSchema);
    if (isInvalid(answer)) return answer;
    if ((answer.pending?.length ?? 0) > 0)
      return invalid("not-ready", `The datasets server has not counted ${this.name} to the end.`);
    return answer.size.splits.map(({ config, split, num_rows: rows }) => ({ config, split, rows }));
  }

  /** The rows of a page; the last page of a split may be a row short, as the draw allows. */
  async page(page: Page, columns: readonly string[]): Promise<PageRows | Invalid> {
    const fromParquet = await this.#pageFromParquet(page, columns);
    if (!isInvalid(fromParquet)) return { rows: fromParquet, origin: "parquet" };
    const rows = await this.#pageFromRows(page);
    if (!isInvalid(rows)) return { rows, origin: "rows" };
    return invalid(rows.reason, `${fromParquet.detail} ${rows.detail}`);
  }

  async #pageFromParquet(page: Page, columns: readonly string[]): Promise<readonly ParquetRow[] | Invalid> {
    const files = await this.#filesOf(page);
    if (isInvalid(files)) return files;
    const rows: ParquetRow[] = [];
    const end = page.offset + page.rows;
    let first = 0;
    for (const file of files) {
      if (first >= end) break;
      const footer = await this.#footerOf(file);
      if (isInvalid(footer)) return footer;
      const [from, to] = [Math.max(page.offset, first) - first, Math.min(end, first + footer.rows) - first];
      first += footer.rows;
      if (from >= to) continue;
      const part = await this.#rowsOf(file, footer, { columns, rows: rowsBetween(from, to) });
      if (isInvalid(part)) return part;
      rows.push(...part);
    }
    return checkCount(this.name, page, rows);
  }

  /** A file that was replaced under its old address is read once more from its footer on. */
  async #rowsOf(file: RemoteFile, footer: Footer, choice: RowChoice) {
    const rows = await readRows(file, footer, choice);
    if (!isInvalid(rows) || rows.reason === "unreachable" || rows.reason === "rate-limited") return rows;
    await this.#forget(file);
    const fresh = await this.#footerOf(file);
    if (isInvalid(fresh)) return fresh;
    if (fresh.rows !== footer.rows) return rows;
    return readRows(file, fresh, choice);
  }

  async #forget(file: RemoteFile): Promise<void> {
    await this.#cache.remove(file);
    this.#footers.delete(file.url);
    file.etag = null;
  }

  async #footerOf(file: RemoteFile): Promise<Footer | Invalid> {
    const known = this.#footers.get(file.url);
    if (known !== undefined) return known;
    const cached = await this.#cache.read(file);
    if (cached !== undefined) {
      const footer = parseFooter(cached.bytes, file);
      if (!isInvalid(footer)) {
        file.etag = cached.etag;
        this.#footers.set(file.url, footer);
        return footer;
      }
      await this.#cache.remove(file);
    }
    const bytes = await readFooterBytes(file);
    if (isInvalid(bytes)) return bytes;
    const footer = parseFooter(bytes, file);
    if (isInvalid(footer)) return footer;
    await this.#cache.write(file, { etag: file.etag, bytes });
    this.#footers.set(file.url, footer);
    return footer;
  }

  /** The Parquet files of a split, in the order of their rows. */
  #filesOf({ config, split }: Page): Promise<RemoteFile[] | Invalid> {
    const key = JSON.stringify([config, split]);
    const known = this.#files.get(key);
    if (known !== undefined) return known;
    const listed = this.#listFiles(config, split);
    this.#files.set(key, listed);
    return listed;
  }

  async #listFiles(config: string, split: string): Promise<RemoteFile[] | Invalid> {
    const answer = await this.#ask("/parquet", { config }, filesSchema);
    const listed = isInvalid(answer)
      ? await this.#listFilesByHub(config, split)
      : answer.parquet_files
          .filter((file) => file.config === config && file.split === split)
          .map(({ url, size: sizeBytes }) => ({ url, sizeBytes }));
    if (isInvalid(listed)) return listed;
    if (listed.length === 0) return invalid("no-files", `${this.name} has no Parquet files of ${config}/${split}.`);
    const fault = this.#checkAddresses(listed.map(({ url }) => url));
    if (fault !== null) return fault;
    const { bounds } = this.access;
    return listed.map((file) =>
      remoteFile({ ...file, headers: this.#headersFor(file.url), bounds, signal: this.signal }),
    );
  }

  /** The hub's own list names the files without their sizes. */
  async #listFilesByHub(config: string, split: string) {
    const { hubUrl, bounds } = this.access;
    const parts = [config, split].map(encodeURIComponent).join("/");
    const url = `${hubUrl}/api/datasets/${this.name}/parquet/${parts}`;
    const urls = await requestJson({ url, headers: this.#headersFor(url), bounds, signal: this.signal }, urlsSchema);
    if (isInvalid(urls)) return urls;
    const fault = this.#checkAddresses(urls);
    if (fault !== null) return fault;
    const files: { readonly url: string; readonly sizeBytes: number }[] = [];
    for (const address of urls) {
      const headers = this.#headersFor(address);
      const sizeBytes = await remoteSize({ url: address, headers, bounds, signal: this.signal });
      if (isInvalid(sizeBytes)) return sizeBytes;
      files.push({ url: address, sizeBytes });
    }
    return files;
  }

  /** An address from outside is nothing but a server's: other schemes would read this machine's own files. */
  #checkAddresses(urls: readonly string[]): Invalid | null {
    const odd = urls.find((url) => !isServerAddress(url));
    if (odd === undefined) return null;
    return invalid("bad-address", `${this.name} has a file at ${odd.slice(0, 200)}, which is no address.`);
  }

  async #pageFromRows(page: Page): Promise<readonly ParquetRow[] | Invalid> {
    const rows: ParquetRow[] = [];
    for (let done = 0; done < page.rows; done += rowsPerAnswer) {
      const [offset, length] = [page.offset + done, Math.min(rowsPerAnswer, page.rows - done)];
      const where = { config: page.config, split: page.split, offset: String(offset), length: String(length) };
      const answer = await this.#ask("/rows", where, rowsSchema);
      if (isInvalid(answer)) return answer;
      if (
        answer.rows.some(({ row_idx, truncated_cells: cut }, at) => row_idx !== offset + at || (cut?.length ?? 0) > 0)
      )
        return invalid(
          "truncated",
          `The datasets server gives only parts of the rows of ${this.name} from ${offset} on.`,
        );
      rows.push(...answer.rows.map(({ row }) => row));
    }
    return checkCount(this.name, page, rows);
  }

  #ask<T>(path: string, query: Readonly<Record<string, string>>, schema: z.ZodType<T>): Promise<T | Invalid> {
    const { datasetsUrl, bounds } = this.access;
    const url = `${datasetsUrl}${path}?${new URLSearchParams({ dataset: this.name, ...query })}`;
    return requestJson({ url, headers: this.#headersFor(url), bounds, signal: this.signal }, schema);
  }

  /** The token goes to the servers that it was given for, and to no address that an answer names. */
  #headersFor(url: string): Readonly<Record<string, string>> {
    const { hubUrl, datasetsUrl, token } = this.access;
    const isOwn = [hubUrl, datasetsUrl].some((own) => new URL(own).origin === new URL(url).origin);
    return token !== undefined && isOwn ? { Authorization: `Bearer ${token}` } : {};
  }
}

function checkCount(dataset: string, page: Page, rows: readonly ParquetRow[]): readonly ParquetRow[] | Invalid {
  // The original's count of pages lets the last one be a row short.
  if (rows.length >= page.rows - 1 && rows.length > 0) return rows;
  const where = `${page.config}/${page.split} from ${page.offset}`;
  return invalid("wrong-row-count", `${dataset} gives ${rows.length} of the ${page.rows} rows of ${where}.`);
}
