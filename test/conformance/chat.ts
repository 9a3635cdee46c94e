/** golden/chat: every conversation rendered, raised or marked, exactly. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isInvalid } from "../../src/base/invalid.ts";
import { type ChatTemplate, compileChatTemplate } from "../../src/model/chat-template.ts";

interface Case {
  readonly name: string;
  readonly messages: readonly unknown[];
  readonly add_generation_prompt: boolean;
  readonly rendered: string | null;
  readonly error?: { readonly message: string };
  readonly [variable: string]: unknown;
}

interface Golden {
  readonly bos_token: string;
  readonly eos_token: string;
  readonly now: string;
  readonly cases: readonly Case[];
  /** For the cases of the same name and text. */
  readonly assistant_spans?: readonly {
    readonly name: string;
    readonly rendered: string;
    readonly spans: readonly (readonly [number, number])[];
  }[];
}

/** @param golden the folder that holds `chat`. Nothing is measured: `worst` is the number of differences. */
export async function checkChat(golden: string) {
  const folder = join(golden, "chat");
  const problems: string[] = [];
  let cases = 0;
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".jinja")) continue;
    const name = file.slice(0, -".jinja".length);
    const expected = JSON.parse(readFileSync(join(folder, `${name}.golden.json`), "utf8")) as Golden;
    const { bos_token, eos_token } = expected;
    const template = compileChatTemplate(readFileSync(join(folder, file), "utf8"), { bos_token, eos_token });
    if (isInvalid(template)) problems.push(`${name}: ${template.detail}`);
    else problems.push(...expected.cases.flatMap((item) => checkCase(template, item, expected, name)));
    cases += expected.cases.length;
  }
  return { family: "chat", cases, worst: problems.length, problems };
}

function checkCase(template: ChatTemplate, item: Case, { now, assistant_spans }: Golden, family: string): string[] {
  const { name, messages, add_generation_prompt, rendered, error, ...variables } = item;
  const place = `${family}/${name}${add_generation_prompt ? " with prompt" : ""}`;
  const result = template.render({ messages, addGenerationPrompt: add_generation_prompt, variables, now });
  const problems: string[] = [];
  const compare = (actual: unknown, wanted: unknown) => {
    if (JSON.stringify(actual) !== JSON.stringify(wanted))
      problems.push(`${place}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`);
  };
  if (isInvalid(result)) {
    compare({ raised: result.detail }, { raised: error?.message });
    return problems;
  }
  compare({ text: result.text }, { text: rendered });
  const marked = assistant_spans?.find((spans) => spans.name === name && spans.rendered === rendered);
  if (marked !== undefined) compare(result.assistantSpans, marked.spans);
  return problems;
}
