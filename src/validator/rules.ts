/** Puts a competition file into the store, so that every round can be replayed under the rules that it was run by. */
import type { CompetitionFile } from "../competition/competition.ts";
import { storeRules } from "../store/rules.ts";
import type { Store } from "../store/store.ts";
import type { StoredRules } from "./context.ts";

export async function storeCompetitionFile(store: Store, file: CompetitionFile): Promise<StoredRules> {
  const competitions = file.schedule.flatMap((period) => period.competitions);
  const { digest, competitionDigests } = await storeRules(store, {
    definition: file,
    competitions: competitions.map((competition) => ({
      competitionId: competition.id,
      name: competition.name,
      definition: competition,
      tasks: competition.tasks.map((task) => ({ name: task.name, weight: task.weight, definition: task })),
    })),
  });
  return {
    file,
    digest,
    digestOf: new Map(competitions.map((competition, index) => [competition, competitionDigests[index]!])),
  };
}
