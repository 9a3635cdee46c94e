/** The competition file of one run of the demonstration: the built-in one, its rounds placed in time. */
import { writeFile } from "node:fs/promises";
import { builtInCompetitions } from "../../competition/built-in.ts";
import type { CompetitionFile } from "../../competition/competition.ts";
import type { Block } from "../../subnet.ts";

export interface Rounds {
  readonly firstBlock: Block;
  readonly cadenceBlocks: number;
  readonly count: number;
  /** Gives the questions of every round, so that a run can be repeated. */
  readonly seed: number;
}

export async function writeRules(
  path: string,
  { firstBlock, cadenceBlocks, count, seed }: Rounds,
): Promise<CompetitionFile> {
  const demo = builtInCompetitions("demo");
  const file: CompetitionFile = {
    ...demo,
    sync: { genesisBlock: firstBlock, cadenceBlocks, repeatableSeed: String(seed) },
    // It runs from the start, since models are committed before the first round, and ends after the last: a machine that
    // is faster than another does not run more rounds.
    schedule: demo.schedule.map((period) => ({ ...period, untilBlock: firstBlock + count * cadenceBlocks })),
  };
  await writeFile(path, `${JSON.stringify(file, null, 2)}\n`);
  return file;
}
