/** A tokenizer and its chat template together: from text or messages to ids. */
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { type ChatTemplate, openChatTemplate } from "../model/chat-template.ts";
import { openFolder } from "../model/folder.ts";
import { openTokenizer, type Tokenizer } from "../model/tokenizer.ts";
import type { Links } from "../model/untrusted-file.ts";
import type { EncodeResult, TextItem } from "./protocol.ts";

export interface TextTools {
  readonly kind: "text-tools";
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
  /** @param now what a template's `strftime_now` sees: ISO 8601, no zone */
  encode(item: TextItem, now: string): Promise<EncodeResult | Invalid>;
}

/** Opens the tokenizer of a folder and, where there is one, its chat template. */
export async function openTextTools(path: string, links: Links): Promise<TextTools | Invalid> {
  const folder = await openFolder(path, links);
  if (isInvalid(folder)) return folder;
  const tokenizer = await openTokenizer(folder);
  if (tokenizer === undefined) return invalid("tokenizer-missing", "tokenizer.json is missing");
  if (isInvalid(tokenizer)) return tokenizer;
  const template = await openChatTemplate(folder);
  if (isInvalid(template)) return template;
  return {
    kind: "text-tools",
    tokenizer,
    template,
    async encode(item, now) {
      if (item.kind === "text") {
        const { text, addSpecialTokens, parseSpecialTokens = true } = item;
        const ids = await tokenizer.encode(text, { addSpecialTokens, parseSpecialTokens });
        return { kind: "ids", ids, text, assistantSpans: [] };
      }
      if (template === undefined) return invalid("template-missing", "the tokenizer has no chat template");
      const rendered = template.render({ ...item, now });
      if (isInvalid(rendered)) return rendered;
      // The template has written the special tokens itself: nothing is added, as in transformers.
      const ids = await tokenizer.encode(rendered.text, { addSpecialTokens: false });
      return { kind: "ids", ids, text: rendered.text, assistantSpans: [...rendered.assistantSpans] };
    },
  };
}
