/** The rules of the mechanism against vectors that the original programs computed. */
import { checkRandom } from "./mechanism/random.ts";
import { Tally } from "./mechanism/tally.ts";

/** Which function checks which vector files. */
const checks: Readonly<Record<string, (tally: Tally) => void>> = {
  random: checkRandom,
};

/** Checks every rule vector in the folder. Differences are sentences with file, case and both values. */
export function checkMechanismRules(goldenFolder: string): {
  family: string;
  cases: number;
  worst: number;
  problems: string[];
} {
  const tally = new Tally(goldenFolder);
  for (const check of Object.values(checks)) check(tally);
  return { family: "mechanism: rules", cases: tally.cases, worst: tally.worst, problems: tally.problems };
}
