/** The tokenizer that a competition names: its few files, fetched from the hub once and kept in the cache. */
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Competition } from "../competition/competition.ts";
import { readRange } from "../hub/inspect.ts";
import { sizeBytesMax } from "../model/files.ts";
import type { ValidatorContext } from "./context.ts";

const files = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] as const;

export type CompetitionTokenizer =
  | { readonly kind: "folder"; readonly folder: string | undefined }
  | { readonly kind: "unavailable"; readonly detail: string };

/** The folder of the competition's tokenizer; undefined where every model is measured with its own. */
export async function competitionTokenizer(
  { hub, tokenizersFolder, signal }: Pick<ValidatorContext, "hub" | "tokenizersFolder" | "signal">,
  { constraints }: Competition,
): Promise<CompetitionTokenizer> {
  const repo = constraints.tokenizer;
  if (repo === null) return { kind: "folder", folder: undefined };
  const folder = join(tokenizersFolder, repo.replaceAll("/", "--"));
  if (await exists(join(folder, files[0]))) return { kind: "folder", folder };
  const part = `${folder}.${process.pid}.part`;
  await mkdir(part, { recursive: true });
  try {
    for (const path of files) {
      const found = await readRange(hub, { repo, revision: "main", path, from: 0, to: sizeBytesMax[path], signal });
      if (found.kind === "ok") await writeFile(join(part, path), found.value);
      // Only the tokenizer itself must be there; a template is needed by few tasks and may be inside its config.
      else if (path === files[0] || found.kind !== "invalid")
        return { kind: "unavailable", detail: `${path} of ${repo}: ${found.detail}` };
    }
    await rename(part, folder);
    return { kind: "folder", folder };
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
