/**
 * `bun run conformance [FAMILY …] [--golden DIR]`: every family of reference values that is present (or those named), with
 * its number of cases and its worst difference. Families whose values are not there are named as skipped. Exit 1 when
 * anything differs, 2 for a family that there is not.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { printTable } from "../../src/cli/output.ts";
import { checkChain } from "./chain.ts";
import { checkChat } from "./chat.ts";
import { checkMechanismRules } from "./mechanism-rules.ts";
import { checkModels } from "./models.ts";
import { checkTimelock } from "./timelock.ts";
import { checkTokenizers } from "./tokenizers.ts";
import { checkTrain } from "./train.ts";
import { checkTraining } from "./training.ts";
import { checkWallet } from "./wallet.ts";
import { checkYuma } from "./yuma.ts";

interface Result {
  readonly family: string;
  readonly cases: number;
  readonly worst: number;
  readonly problems: readonly string[];
}

interface Family {
  readonly name: string;
  /** What must be there for the family to be checked. */
  readonly needs: (golden: string, shared: string) => string;
  readonly check: (golden: string, shared: string) => Promise<Result> | Result;
}

const families: readonly Family[] = [
  { name: "models", needs: (golden) => join(golden, "models"), check: (golden) => checkModels(golden) },
  { name: "train", needs: (golden) => join(golden, "train"), check: (golden) => checkTrain(golden) },
  { name: "training", needs: (golden) => join(golden, "models"), check: (golden) => checkTraining(golden) },
  { name: "tokenizers", needs: (golden) => join(golden, "tokenizers"), check: (golden) => checkTokenizers(golden) },
  { name: "chat", needs: (golden) => join(golden, "chat"), check: (golden) => checkChat(golden) },
  {
    name: "mechanism",
    needs: (golden) => join(golden, "mechanism"),
    check: (golden) => checkMechanismRules(join(golden, "mechanism")),
  },
  { name: "chain", needs: (_, shared) => join(shared, "chain", "metadata"), check: (_, shared) => checkChain(shared) },
  { name: "timelock", needs: (_, shared) => join(shared, "chain"), check: (_, shared) => checkTimelock(shared) },
  { name: "wallet", needs: (_, shared) => join(shared, "chain"), check: (_, shared) => checkWallet(shared) },
  // The runtime's own tests, which are part of the project.
  { name: "yuma", needs: () => import.meta.dir, check: (_, shared) => checkYuma(shared) },
];

const { values, positionals } = parseArgs({
  options: { golden: { type: "string", default: "../shared/golden" } },
  allowPositionals: true,
});
const unknown = positionals.find((wanted) => families.every(({ name }) => name !== wanted));
if (unknown !== undefined) {
  console.error(`There is no family ${unknown}; there are ${families.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}
const golden = resolve(values.golden);
const shared = resolve(golden, "..");
const rows: (string | number)[][] = [];
const problems: string[] = [];
for (const { name, needs, check } of families) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const missing = needs(golden, shared);
  if (!existsSync(missing)) {
    rows.push([name, "–", "–", "", `skipped: there is no ${missing}`]);
    continue;
  }
  const started = performance.now();
  const result = await check(golden, shared);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const verdict = result.problems.length === 0 ? "holds" : `${result.problems.length} differ`;
  rows.push([name, result.cases, result.worst.toExponential(1), seconds, verdict]);
  problems.push(...result.problems.map((problem) => `${name}: ${problem}`));
}
printTable(["family", "cases", "worst difference", "seconds", ""], rows);
for (const problem of problems.slice(0, 50)) console.log(problem);
if (problems.length > 50) console.log(`… and ${problems.length - 50} more`);
process.exit(problems.length === 0 ? 0 : 1);
