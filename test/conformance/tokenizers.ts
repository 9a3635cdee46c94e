/** golden/tokenizers: every text to ids and back, exactly. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isInvalid } from "../../src/base/invalid.ts";
import { createTokenizer, type Tokenizer } from "../../src/model/tokenizer.ts";

interface Golden {
  readonly vocab_size: number;
  readonly cases: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly ids_bare: readonly number[];
    readonly ids_bare_unparsed?: readonly number[];
    readonly decoded: string;
    readonly decoded_bare_all: string;
  }[];
  readonly single: readonly { readonly id: number; readonly token: string; readonly decoded: string }[];
}

/** @param golden the folder that holds `tokenizers`. Nothing is measured: `worst` is the number of differences. */
export async function checkTokenizers(golden: string) {
  const folder = join(golden, "tokenizers");
  const problems: string[] = [];
  let cases = 0;
  for (const name of readdirSync(folder).sort()) {
    const expected = JSON.parse(readFileSync(join(folder, name, "golden.json"), "utf8")) as Golden;
    const tokenizer = createTokenizer(readFileSync(join(folder, name, "tokenizer.json"), "utf8"));
    if (isInvalid(tokenizer)) problems.push(`${name}: ${tokenizer.detail}`);
    else problems.push(...(await checkOne(tokenizer, expected)).map((problem) => `${name}: ${problem}`));
    cases += expected.cases.length + expected.single.length;
  }
  return { family: "tokenizers", cases, worst: problems.length, problems };
}

async function checkOne(tokenizer: Tokenizer, expected: Golden): Promise<string[]> {
  const problems: string[] = [];
  const compare = (place: string, actual: unknown, wanted: unknown) => {
    if (JSON.stringify(actual) !== JSON.stringify(wanted))
      problems.push(`${place}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`);
  };
  compare("vocabulary", tokenizer.vocabularySize, expected.vocab_size);
  for (const item of expected.cases) {
    const place = JSON.stringify(item.text);
    const bare = { addSpecialTokens: false };
    compare(`ids of ${place}`, await tokenizer.encode(item.text, { addSpecialTokens: true }), item.ids);
    compare(`bare ids of ${place}`, await tokenizer.encode(item.text, bare), item.ids_bare);
    const unparsed = await tokenizer.encode(item.text, { ...bare, parseSpecialTokens: false });
    compare(`unparsed ids of ${place}`, unparsed, item.ids_bare_unparsed ?? item.ids_bare);
    compare(`text of ${place}`, await tokenizer.decode(item.ids, { skipSpecialTokens: true }), item.decoded);
    const all = await tokenizer.decode(item.ids_bare, { skipSpecialTokens: false });
    compare(`whole text of ${place}`, all, item.decoded_bare_all);
  }
  for (const { id, token, decoded } of expected.single) {
    compare(`token ${id}`, tokenizer.tokenOf(id), token);
    compare(`text of token ${id}`, await tokenizer.decode([id], { skipSpecialTokens: false }), decoded);
  }
  return problems;
}
