/** Reads pages of a dataset for a task and keeps account of them: used, or dropped and why. */
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { Task } from "../competition/competition.ts";
import { nameOf, type Page } from "../data/draw/pages.ts";
import type { ParquetRow } from "../data/parquet/rows.ts";
import type { Dataset } from "../data/remote/datasets.ts";
import type { NewPage } from "../store/pages.ts";
import type { Drawn } from "./text-source.ts";

export class PageReader {
  readonly #task: Task;
  readonly #dataset: Dataset;
  readonly #columns: readonly string[];
  readonly #pages = new Map<string, NewPage>();

  constructor(task: Task, dataset: Dataset, columns: readonly string[]) {
    this.#task = task;
    this.#dataset = dataset;
    this.#columns = columns;
  }

  /** In the order drawn. */
  get pages(): readonly NewPage[] {
    return [...this.#pages.values()];
  }

  /** Null for a page that could not be read, which is noted; nothing is read in its place. */
  readonly read = async (page: Page): Promise<readonly ParquetRow[] | null> => {
    const found = await this.#dataset.page(page, this.#columns);
    const noted = { task: this.#task.name, source: this.#task.source.kind };
    const address = { dataset: this.#dataset.name, ...page };
    if (isInvalid(found)) {
      this.#pages.set(nameOf(page), { ...noted, page: address, state: "dropped", reason: found.detail });
      return null;
    }
    this.#pages.set(nameOf(page), { ...noted, page: { ...address, by: found.origin }, state: "used" });
    return found.rows;
  };

  /** The task's texts, or none of them: with the pages that were drawn either way. */
  drawn(texts: Extract<Drawn, { kind: "drawn" }>["texts"] | Invalid, samplesMin = 1): Drawn {
    if (isInvalid(texts)) return { kind: "dropped", reason: texts.detail, pages: this.pages };
    if (texts.length >= samplesMin) return { kind: "drawn", texts, pages: this.pages };
    const lost = this.pages.filter(({ state }) => state === "dropped");
    const why = lost[0]?.reason ?? "its pages hold no more.";
    const count = `${this.#dataset.name} gave ${texts.length} samples of at least ${samplesMin}`;
    return { kind: "dropped", reason: `${count}, with ${lost.length} pages dropped: ${why}`, pages: this.pages };
  }
}
