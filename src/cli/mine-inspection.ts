/** A repository looked at before it is downloaded: a few kilobytes tell most of what validators would refuse it for. */
import { invalid, isInvalid } from "../base/invalid.ts";
import type { CompetitionFile } from "../competition/competition.ts";
import type { Source } from "../hub/client.ts";
import type { Hub } from "../hub/connection.ts";
import { listModel } from "../hub/inspect.ts";
import { type CheckReport, reportWithout } from "../miner/check.ts";
import { runningCompetition } from "../miner/publish-checks.ts";
import { inspectModel } from "../model/inspection.ts";
import type { Block } from "../subnet.ts";
import { checkInspection } from "./inspect-constraints.ts";
import { remoteFiles } from "./remote-files.ts";
import { asHubError, hubError } from "./remote-model.ts";

/** The report of a model that need not be downloaded to know that nobody would admit it; undefined: it may be worth it. */
export async function inspectAdmissible(
  hub: Hub,
  at: Source & {
    readonly file: CompetitionFile;
    readonly competitionId: number;
    readonly block: Block;
    readonly signal: AbortSignal;
  },
): Promise<CheckReport | undefined> {
  const { repo, revision, file, competitionId, block, signal } = at;
  const competition = runningCompetition([file], competitionId, block);
  const refused = (reason: string, detail: string) => reportWithout(invalid(reason, detail), block);
  const listed = await listModel(hub, { repo, revision, signal });
  if (listed.kind === "invalid") return refused(listed.reason, listed.detail);
  if (listed.kind !== "ok") throw hubError(listed);
  try {
    const inspection = await inspectModel(remoteFiles(hub, { repo, revision, listing: listed.value, signal }), {
      cores: 1,
    });
    if (isInvalid(inspection)) return refused(inspection.reason, inspection.detail);
    const model = { ...inspection, repositoryBytes: listed.value.repositoryBytes };
    const { reasons } = checkInspection(model, { competition, norms: undefined });
    return reasons.length === 0 ? undefined : refused("constraints", reasons.join("; "));
  } catch (error) {
    throw asHubError(error);
  }
}
