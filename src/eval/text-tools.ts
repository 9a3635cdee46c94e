/** A tokenizer and its chat template together: from text or messages to ids. */
import { messageOf } from "../base/errors.ts";
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { type ChatTemplate, openChatTemplate } from "../model/chat-template.ts";
import { openFolder } from "../model/folder.ts";
import { openTokenizer, type Tokenizer } from "../model/tokenizer.ts";
import type { Links } from "../model/untrusted-file.ts";
import type { DecodeResult, EncodeResult, IdsItem, TextItem } from "./protocol.ts";

export interface TextTools {
  readonly kind: "text-tools";
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
  /** @param now what a template's `strftime_now` sees: ISO 8601, no zone */
  encode(item: TextItem, now: string): Promise<EncodeResult | Invalid>;
  decode(item: IdsItem): Promise<DecodeResult | Invalid>;
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
      try {
        return await encodeItem({ tokenizer, template }, item, now);
      } catch (error) {
        // The library throws for some texts that some tokenizers cannot take.
        return invalid("tokenizer-failed", messageOf(error).slice(0, 300));
      }
    },
    async decode({ ids, skipSpecialTokens }) {
      try {
        return { kind: "text", text: await tokenizer.decode(ids, { skipSpecialTokens }) };
      } catch (error) {
        return invalid("tokenizer-failed", messageOf(error).slice(0, 300));
      }
    },
  };
}

async function encodeItem(
  { tokenizer, template }: Pick<TextTools, "tokenizer" | "template">,
  item: TextItem,
  now: string,
): Promise<EncodeResult | Invalid> {
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
}
