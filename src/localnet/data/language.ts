/**
 * A word list and a part-of-speech tagger of our own making, in archives like NLTK's, which are not ours to hand on. The
 * tagger knows a few endings and what follows an article: enough to tell the content words of the local questions.
 */
import { zipSync } from "fflate";
import { byCodePoint } from "../../base/python-text.ts";
import { Random } from "../../base/random.ts";
import { digestFiles } from "../../data/remote/language.ts";
import { prose } from "./prose.ts";

/** What a competition names them by. */
export interface LanguageDigests {
  readonly words: string;
  readonly tagger: string;
}

export class Language {
  readonly digests: LanguageDigests;
  readonly #archives: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

  constructor(seed: number) {
    const list = bytesOf(`${wordsOf(seed).join("\n")}\n`);
    const parts = { weights, tagdict, classes: ["NN", "NNS", "VBZ", "VBG", "RB", "JJ", "DT", "IN", "CD"] };
    const files = Object.values(parts).map((part) => bytesOf(JSON.stringify(part)));
    const names = Object.keys(parts).map((part) => `${tagger}/${tagger}.${part}.json`);
    this.digests = { words: digestFiles([list]), tagger: digestFiles(files) };
    this.#archives = new Map([
      ["/packages/corpora/words.zip", zip({ "words/README": bytesOf("Words of our own.\n"), "words/en-basic": list })],
      [`/packages/taggers/${tagger}.zip`, zip(Object.fromEntries(names.map((name, index) => [name, files[index]!])))],
    ]);
  }

  /** Answers a request for one of the archives; null when the address is none of theirs. */
  answer(request: Request): Response | null {
    const archive = this.#archives.get(new URL(request.url).pathname);
    return archive === undefined ? null : new Response(archive, { headers: { "Content-Type": "application/zip" } });
  }
}

const tagger = "averaged_perceptron_tagger_eng";
const tagdict = { the: "DT", a: "DT", in: "IN", near: "IN", after: "IN", on: "IN", behind: "IN", because: "IN" };
const weights = {
  bias: { NN: 1 },
  "i suffix ing": { VBG: 2 },
  "i suffix ies": { VBZ: 2 },
  "i suffix rs": { NNS: 2 },
  "i suffix ers": { NNS: 2 },
  "i suffix uly": { RB: 2 },
  "i suffix ful": { JJ: 2 },
  "i-1 tag DT": { NN: 0.5 },
  "i-1 tag NN": { VBZ: 0.75 },
  "i word !DIGITS": { CD: 4 },
  "i word !YEAR": { CD: 4 },
};

/** Every word of much local prose, each once. */
function wordsOf(seed: number): string[] {
  const words = prose(new Random(seed), 400)
    .toLowerCase()
    .match(/[a-z]+/g)!;
  return [...new Set(words)].toSorted(byCodePoint);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function zip(files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(zipSync(files));
}
