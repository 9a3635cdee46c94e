/**
 * Which runtime version each block has, from a few that were asked: versions only grow along a chain, so that every
 * block between two of one version has that version too. A read at a new head then costs one question instead of two.
 */
import type { Block } from "../subnet.ts";
import type { RuntimeVersion } from "./node.ts";

interface Span {
  readonly version: RuntimeVersion;
  readonly from: Block;
  readonly to: Block;
}

export class VersionSpans {
  readonly #spans = new Map<number, Span>();

  /** The highest block whose version is known, or -1. */
  get newestBlock(): Block {
    return this.#newest?.to ?? -1;
  }

  get newestVersion(): RuntimeVersion | undefined {
    return this.#newest?.version;
  }

  get #newest(): Span | undefined {
    return [...this.#spans.values()].reduce<Span | undefined>(
      (newest, span) => (newest === undefined || span.to > newest.to ? span : newest),
      undefined,
    );
  }

  add(block: Block, version: RuntimeVersion): void {
    const span = this.#spans.get(version.specVersion);
    this.#spans.set(version.specVersion, {
      version,
      from: Math.min(block, span?.from ?? block),
      to: Math.max(block, span?.to ?? block),
    });
  }

  at(block: Block): RuntimeVersion | undefined {
    return [...this.#spans.values()].find(({ from, to }) => from <= block && block <= to)?.version;
  }
}
