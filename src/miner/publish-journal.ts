/** The steps of one publication in the state file: what is done is known again after any interruption. */
import { readSteps, writeStep } from "../store/journal.ts";
import type { Store } from "../store/store.ts";

export const publishSteps = ["checked", "created", "uploaded", "verified", "committed", "public", "confirmed"] as const;
export type PublishStepName = (typeof publishSteps)[number];
/** Besides the steps: the extrinsic that is signed and may be on its way. */
type Key = PublishStepName | "committing";

export class PublishJournal {
  private constructor(
    private readonly store: Store,
    private readonly scope: string,
    private readonly done: Map<string, unknown>,
  ) {}

  static async open(store: Store, scope: string): Promise<PublishJournal> {
    return new PublishJournal(store, scope, new Map(await readSteps(store, scope)));
  }

  /** What a step came to; undefined when it is not done. */
  read<T>(key: Key): T | undefined {
    return (this.done.get(key) ?? undefined) as T | undefined;
  }

  async write(key: Key, result: object): Promise<void> {
    await writeStep(this.store, this.scope, key, result);
    this.done.set(key, result);
  }

  /** Makes steps undone, since the world has changed under them; the next run does them again. */
  async forget(...keys: readonly Key[]): Promise<void> {
    for (const key of keys) {
      await writeStep(this.store, this.scope, key, null);
      this.done.delete(key);
    }
  }
}
