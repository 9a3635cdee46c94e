/**
 * Text to token ids and back, by Hugging Face's own library, so that ids agree with everybody else's. The only importer
 * of `tokenizers`. A tokenizer.json is a stranger's: its regular expressions may never end and its tables may make the
 * library abort, so use it in a child process where it matters.
 */
import { Tokenizer as NativeTokenizer } from "tokenizers";
import { messageOf } from "../base/errors.ts";
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { type FileSource, readText } from "./files.ts";

export interface EncodeOptions {
  /** Adds what the tokenizer's template adds (a first token, say). Not for text that a chat template made. */
  readonly addSpecialTokens: boolean;
  /** False: special tokens written out in the text are read as plain text. Default true, as everywhere else. */
  readonly parseSpecialTokens?: boolean;
}

export interface Tokenizer {
  readonly kind: "tokenizer";
  /** Added tokens included. */
  readonly vocabularySize: number;
  encode(text: string, options: EncodeOptions): Promise<number[]>;
  /** In parallel on all cores. */
  encodeAll(texts: readonly string[], options: EncodeOptions): Promise<number[][]>;
  decode(ids: readonly number[], options: { readonly skipSpecialTokens: boolean }): Promise<string>;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}

/** The tokenizer among a model's files; `undefined`: there is none. */
export async function openTokenizer(source: FileSource): Promise<Tokenizer | undefined | Invalid> {
  const json = await readText(source, "tokenizer.json");
  return json === undefined || isInvalid(json) ? json : createTokenizer(json);
}

/** Makes a tokenizer from the text of a tokenizer.json. */
export function createTokenizer(json: string): Tokenizer | Invalid {
  const parsing = load(json);
  if (isInvalid(parsing)) return parsing;
  let unparsing: Encoder | undefined;
  const encoderFor = ({ parseSpecialTokens = true }: EncodeOptions): Encoder =>
    parseSpecialTokens ? { native: parsing, idOf: (id) => id } : (unparsing ??= withoutSpecialTokens(json, parsing));
  return {
    kind: "tokenizer",
    vocabularySize: parsing.getVocabSize(true),
    async encode(text, options) {
      const { native, idOf } = encoderFor(options);
      const encoding = await native.encode(text, null, { addSpecialTokens: options.addSpecialTokens });
      return encoding.getIds().map(idOf);
    },
    async encodeAll(texts, options) {
      const { native, idOf } = encoderFor(options);
      const encodings = await native.encodeBatch([...texts], { addSpecialTokens: options.addSpecialTokens });
      return encodings.map((encoding) => encoding.getIds().map(idOf));
    },
    decode: (ids, { skipSpecialTokens }) => parsing.decode([...ids], skipSpecialTokens),
    idOf: (token) => parsing.tokenToId(token) ?? undefined,
    tokenOf: (id) => parsing.idToToken(id) ?? undefined,
  };
}

interface Encoder {
  readonly native: NativeTokenizer;
  readonly idOf: (id: number) => number;
}

function load(json: string): NativeTokenizer | Invalid {
  try {
    const native = NativeTokenizer.fromString(json);
    // A tokenizer.json may ask for truncation or padding; transformers ignores both unless the caller wants them.
    native.disableTruncation();
    native.disablePadding();
    return native;
  } catch (error) {
    return invalid("tokenizer-malformed", `tokenizer.json: ${messageOf(error).slice(0, 300)}`);
  }
}

/**
 * The binding has no switch for reading special tokens as text, so this is a second tokenizer that does not know them.
 * The library numbers added tokens by their order, whatever the file says, so those that are left may have moved.
 */
function withoutSpecialTokens(json: string, original: NativeTokenizer): Encoder {
  const description = JSON.parse(json) as { added_tokens?: { content: string; special: boolean }[] };
  const kept = (description.added_tokens ?? []).filter((token) => !token.special);
  const native = NativeTokenizer.fromString(JSON.stringify({ ...description, added_tokens: kept }));
  native.disableTruncation();
  native.disablePadding();
  const moved = new Map(kept.map(({ content }) => [native.tokenToId(content)!, original.tokenToId(content)!]));
  return { native, idOf: (id) => moved.get(id) ?? id };
}
