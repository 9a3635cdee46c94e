/** Where files go that are nobody's state: everything below may be deleted at any time. */
import { homedir } from "node:os";
import { join } from "node:path";

/** The cache folder for an environment: FINETUNE_CACHE, else the desktop convention's cache folder. */
export function cacheDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment.FINETUNE_CACHE) return environment.FINETUNE_CACHE;
  return join(environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache"), "finetune");
}
