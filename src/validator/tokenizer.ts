/** The tokenizer that a competition names: its few files at one commit, fetched from the hub once and kept in the cache. */
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Competition } from "../competition/competition.ts";
import { repositoryInfo } from "../hub/client.ts";
import { readRange } from "../hub/inspect.ts";
import { sizeBytesMax } from "../model/files.ts";
import type { ValidatorContext } from "./context.ts";

const files = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] as const;

export type CompetitionTokenizer =
  | { readonly kind: "folder"; readonly folder: string; readonly revision: string }
  /** Every model is measured with its own. */
  | { readonly kind: "none" }
  | { readonly kind: "unavailable"; readonly detail: string };

/**
 * The competition's tokenizer in a folder, at the commit that the competition names or, without one, that its main branch
 * is now.
 * @param known the commit that an earlier look has found: a round that goes on measures all its models alike
 */
export async function competitionTokenizer(
  context: Pick<ValidatorContext, "hub" | "tokenizersFolder" | "signal">,
  { constraints }: Competition,
  known: string | null,
): Promise<CompetitionTokenizer> {
  const { tokenizer: repo, tokenizerRevision: named } = constraints;
  if (repo === null) return { kind: "none" };
  let revision = known ?? named;
  if (revision === undefined) {
    const main = await repositoryInfo(context.hub, { repo, signal: context.signal });
    if (main.kind !== "ok") return { kind: "unavailable", detail: `the main branch of ${repo}: ${main.detail}` };
    revision = main.value.revision;
  }
  const folder = join(context.tokenizersFolder, `${repo.replaceAll("/", "--")}@${revision}`);
  const problem = (await exists(join(folder, files[0]))) ? null : await fetchFiles(context, { repo, revision, folder });
  return problem === null ? { kind: "folder", folder, revision } : { kind: "unavailable", detail: problem };
}

/** Null, or why the folder could not be filled. */
async function fetchFiles(
  { hub, signal }: Pick<ValidatorContext, "hub" | "signal">,
  { repo, revision, folder }: { readonly repo: string; readonly revision: string; readonly folder: string },
): Promise<string | null> {
  const part = `${folder}.${process.pid}.part`;
  await mkdir(part, { recursive: true });
  try {
    for (const path of files) {
      const found = await readRange(hub, { repo, revision, path, from: 0, to: sizeBytesMax[path], signal });
      if (found.kind === "ok") await writeFile(join(part, path), found.value);
      // Only the tokenizer itself must be there; a template is needed by few tasks and may be inside its config.
      else if (path === files[0] || found.kind !== "invalid")
        return `${path} of ${repo} at ${revision}: ${found.detail}`;
    }
    await moveInto(part, folder);
    return null;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** Another process that shares the cache may have been faster; a commit's files are the same. */
async function moveInto(part: string, folder: string): Promise<void> {
  try {
    await rename(part, folder);
  } catch (error) {
    if (!(await exists(join(folder, files[0])))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
