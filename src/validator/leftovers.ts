/**
 * Which downloaded models stay on disk when a round is over: those that contended in the last round of a competition that
 * runs, and those whose download is to be tried again. The rest is deleted; what is in use stays in any case.
 */
import { readCommitment } from "../competition/commitment.ts";
import { competitionsAt } from "../competition/schedule.ts";
import { readContenders } from "../store/contenders.ts";
import { listRounds } from "../store/rounds.ts";
import type { Block, Commitment, Hotkey } from "../subnet.ts";
import type { ValidatorContext } from "./context.ts";

interface Named {
  readonly repo: string;
  readonly revision: string;
}

/** @param block of the round that is over; `commitments` are those at it */
export async function dropLeftovers(
  context: ValidatorContext,
  { block, commitments }: { readonly block: Block; readonly commitments: readonly Commitment[] },
): Promise<void> {
  const { cache, report } = context;
  const committed = committedModels(commitments);
  const wanted = await wantedModels(context, block);
  const freedBytes = await cache.removeOthers(
    wanted.flatMap(({ hotkey, repo, revision }) => {
      const now = committed.get(hotkey);
      return now?.repo === repo && now.revision === revision ? [now] : [];
    }),
  );
  const entries = await cache.entries();
  report({
    kind: "disk",
    models: entries.length,
    usedBytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    freedBytes,
  });
}

function committedModels(commitments: readonly Commitment[]): ReadonlyMap<Hotkey, Named> {
  return new Map(
    commitments.flatMap(({ hotkey, data }) => {
      const model = readCommitment(data);
      if ("kind" in model) return [];
      return [[hotkey, { repo: `${model.namespace}/${model.name}`, revision: model.revision }] as const];
    }),
  );
}

/** Who was not refused in the last finished round of each competition, or since. */
async function wantedModels({ store, rules }: ValidatorContext, block: Block) {
  const wanted: (Named & { readonly hotkey: Hotkey })[] = [];
  for (const { id } of competitionsAt(rules.file, block)) {
    const rounds = await listRounds(store, { competitionId: id, toBlock: block });
    const last = rounds.findLastIndex(({ state }) => state === "finished");
    for (const round of rounds.slice(Math.max(0, last)))
      for (const { state, hotkey, repo, revision } of await readContenders(store, round.id))
        if (state !== "refused" && repo !== null && revision !== null) wanted.push({ hotkey, repo, revision });
  }
  return wanted;
}
