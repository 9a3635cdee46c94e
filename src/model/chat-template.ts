/**
 * A model's chat template: messages to the text that the model was trained on, exactly as transformers renders it.
 * A template is a stranger's program that may never end: render it in a child process where it matters.
 */
import { messageOf } from "../base/errors.ts";
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { globals, renderNodes, type Span } from "./chat-template/evaluate.ts";
import { Output, Scope } from "./chat-template/scope.ts";
import { strftime } from "./chat-template/strftime.ts";
import { type Node, parseTemplate } from "./chat-template/syntax.ts";
import { fromJson, TemplateProblem } from "./chat-template/values.ts";
import { type FileSource, readJson, readText } from "./files.ts";

export interface RenderInput {
  /** Of the shape of JSON. */
  readonly messages: readonly unknown[];
  readonly addGenerationPrompt: boolean;
  /** Further variables (`tools`, `documents`, `enable_thinking`, …), of the shape of JSON. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The local time that `strftime_now` tells: ISO 8601 without a zone. */
  readonly now: string;
}

export interface Rendered {
  readonly kind: "rendered";
  readonly text: string;
  /** Start and end of each `{% generation %}` block in code points of `text`. */
  readonly assistantSpans: readonly Span[];
}

export interface ChatTemplate {
  readonly kind: "chat-template";
  render(input: RenderInput): Rendered | Invalid;
}

/** `bos_token`, `eos_token` and the like, by name. */
export type SpecialTokens = Readonly<Record<string, string>>;

const sourceLengthMax = 1 << 20;

/** Makes a template from its source. */
export function compileChatTemplate(source: string, specialTokens: SpecialTokens): ChatTemplate | Invalid {
  if (source.length > sourceLengthMax) return invalid("template-too-large", "the chat template is too long");
  let nodes: readonly Node[];
  try {
    nodes = parseTemplate(source);
  } catch (error) {
    return invalid("template-malformed", `the chat template cannot be parsed: ${messageOf(error).slice(0, 200)}`);
  }
  return { kind: "chat-template", render: (input) => render(nodes, specialTokens, input) };
}

/** The template among a model's files, `undefined`: it has none. */
export async function openChatTemplate(source: FileSource): Promise<ChatTemplate | undefined | Invalid> {
  const found = await findChatTemplate(source);
  return found === undefined || isInvalid(found) ? found : compileChatTemplate(found.template, found.specialTokens);
}

export interface FoundTemplate {
  readonly kind: "template";
  readonly template: string;
  readonly specialTokens: SpecialTokens;
}

/**
 * Its source, unread: a chat_template.jinja wins over the entry of tokenizer_config.json; of several named ones the one
 * called `default` counts.
 */
export async function findChatTemplate(source: FileSource): Promise<FoundTemplate | undefined | Invalid> {
  const config = (await readJson(source, "tokenizer_config.json")) ?? {};
  if (isInvalid(config)) return config;
  const file = await readText(source, "chat_template.jinja");
  if (isInvalid(file)) return file;
  const template = file ?? templateOf(config.chat_template);
  return template === undefined ? undefined : { kind: "template", template, specialTokens: specialTokensOf(config) };
}

function templateOf(entry: Json | undefined): string | undefined {
  if (typeof entry === "string") return entry;
  if (!Array.isArray(entry)) return undefined;
  const found = entry.find((item) => isJsonObject(item) && item.name === "default");
  return isJsonObject(found) && typeof found.template === "string" ? found.template : undefined;
}

const specialTokenPattern = /^(bos|eos|unk|sep|pad|cls|mask)_token$/;

function specialTokensOf(config: JsonObject): SpecialTokens {
  const tokens: Record<string, string> = {};
  for (const [name, entry] of Object.entries(config)) {
    const content = isJsonObject(entry) ? entry.content : entry;
    if (specialTokenPattern.test(name) && typeof content === "string") tokens[name] = content;
  }
  return tokens;
}

function render(nodes: readonly Node[], specialTokens: SpecialTokens, input: RenderInput): Rendered | Invalid {
  const time = new Date(`${input.now}Z`);
  if (Number.isNaN(time.getTime())) return invalid("time-malformed", `\`${input.now}\` is not a time without a zone`);
  const outside = new Scope(undefined, new Output());
  for (const [name, value] of globals((format) => strftime(time, format))) outside.set(name, value);
  const variables = {
    ...specialTokens,
    tools: null,
    documents: null,
    ...input.variables,
    messages: input.messages,
    add_generation_prompt: input.addGenerationPrompt,
  };
  for (const [name, value] of Object.entries(variables)) outside.set(name, fromJson(value));
  const spans: Span[] = [];
  const scope = new Scope(outside);
  try {
    renderNodes(nodes, scope, spans);
  } catch (error) {
    if (error instanceof TemplateProblem) return invalid(error.reason, error.message.slice(0, 1000));
    // A template nested or recursing too deeply for the stack.
    if (error instanceof RangeError) return invalid("template-failed", "the chat template recurses too deeply");
    throw error;
  }
  return { kind: "rendered", text: scope.output.toString(), assistantSpans: spans };
}
