/**
 * JSON from strangers. The built-in parser keeps the last of two equal keys in silence, has no limit on depth or on the
 * number of values, and rounds large integers; each of these lets a file mean one thing to us and another to somebody
 * else's loader, or take memory without end. This reader refuses them by name.
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export interface JsonLimits {
  readonly depthMax: number;
  /** Values of every kind, containers included: what bounds the memory of the result. */
  readonly valuesMax: number;
  /** Only non-negative integers that a double holds exactly, written without fraction, exponent or sign. */
  readonly integersOnly?: boolean;
}

export type JsonResult =
  | { readonly kind: "json"; readonly value: Json }
  | { readonly kind: "error"; readonly detail: string };

/** Parses one JSON document (RFC 8259, without duplicate keys or lone surrogates). Never throws. */
export function parseJson(text: string, limits: JsonLimits): JsonResult {
  const reader = new Reader(text, limits);
  try {
    return { kind: "json", value: reader.document() };
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: "error", detail: error.message };
    throw error;
  }
}

/** The same for bytes, which must be UTF-8 without a byte order mark. */
export function parseJsonBytes(bytes: Uint8Array, limits: JsonLimits): JsonResult {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { kind: "error", detail: "not UTF-8" };
  }
  return parseJson(text, limits);
}

/** True for a JSON object: not null, not an array. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const integerPattern = /(?:0|[1-9]\d*)(?![\d.eE])/y;
const plainPattern = /[^"\\\u0000-\u001f]*/y;
const literals: readonly (readonly [string, Json])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

class Reader {
  private at = 0;
  private values = 0;

  constructor(
    private readonly text: string,
    private readonly limits: JsonLimits,
  ) {}

  document(): Json {
    const value = this.value(1);
    this.space();
    if (this.at < this.text.length) this.fail("text after the document");
    return value;
  }

  private value(depth: number): Json {
    this.space();
    this.values += 1;
    if (this.values > this.limits.valuesMax) this.fail(`more than ${this.limits.valuesMax} values`);
    const first = this.text[this.at];
    if (first === "{" || first === "[") {
      if (depth > this.limits.depthMax) this.fail(`nested deeper than ${this.limits.depthMax}`);
      return first === "{" ? this.object(depth) : this.array(depth);
    }
    if (first === '"') return this.string();
    for (const [word, value] of literals) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  private object(depth: number): JsonObject {
    // defineProperty semantics: a key named __proto__ must become a plain property, not a prototype.
    const entries: [string, Json][] = [];
    const seen = new Set<string>();
    this.at += 1;
    this.space();
    if (this.take("}")) return {};
    do {
      this.space();
      if (this.text[this.at] !== '"') this.fail("a key is expected");
      const key = this.string();
      if (seen.has(key)) this.fail(`the key ${JSON.stringify(key.slice(0, 80))} appears twice`);
      seen.add(key);
      this.space();
      if (!this.take(":")) this.fail("a colon is expected");
      entries.push([key, this.value(depth + 1)]);
      this.space();
    } while (this.take(","));
    if (!this.take("}")) this.fail("a comma or } is expected");
    return Object.fromEntries(entries);
  }

  private array(depth: number): Json[] {
    const items: Json[] = [];
    this.at += 1;
    this.space();
    if (this.take("]")) return items;
    do {
      items.push(this.value(depth + 1));
      this.space();
    } while (this.take(","));
    if (!this.take("]")) this.fail("a comma or ] is expected");
    return items;
  }

  private string(): string {
    let result = "";
    this.at += 1;
    for (;;) {
      result += this.match(plainPattern);
      const next = this.text[this.at];
      this.at += 1;
      if (next === '"') break;
      if (next !== "\\") this.fail("a string does not end");
      result += this.escape();
    }
    if (!result.isWellFormed()) this.fail("a lone surrogate in a string");
    return result;
  }

  private escape(): string {
    const letter = this.text[this.at] ?? "";
    this.at += 1;
    if (letter !== "u") return escapes[letter] ?? this.fail("an unknown escape");
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("an unknown escape");
    this.at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private number(): number {
    const literal = this.match(this.limits.integersOnly ? integerPattern : numberPattern);
    if (literal === "")
      this.fail(this.limits.integersOnly ? "a non-negative integer is expected" : "a value is expected");
    const value = Number(literal);
    if (this.limits.integersOnly ? !Number.isSafeInteger(value) : !Number.isFinite(value))
      this.fail("a number is too large");
    return value;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private fail(what: string): never {
    throw new SyntaxError(`${what} at character ${this.at}`);
  }
}
