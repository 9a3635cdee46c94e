/** The rules of the mechanism against vectors that the original programs computed. */
import { checkAnswerRules, checkSimilarity } from "./mechanism/answers.ts";
import { checkCommitments, checkHashes, checkSync, checkSyncBlocks } from "./mechanism/commitments.ts";
import { checkCompetitionsLatest, checkCompetitionsLaunch } from "./mechanism/competitions.ts";
import { checkDyck, checkInstructions, checkMmlu, checkWordSorting } from "./mechanism/generated.ts";
import {
  checkInstructionScore,
  checkMultipleChoice,
  checkReferenceLoss,
  checkResponseLoss,
  checkTextLoss,
} from "./mechanism/measures.ts";
import { checkArchitectures, checkModels } from "./mechanism/models.ts";
import { checkQueue, checkRetry, checkTopMiners, checkTracker } from "./mechanism/queue.ts";
import { checkRandom } from "./mechanism/random.ts";
import { checkRounds, checkRoundsLaunch } from "./mechanism/rounds.ts";
import { checkEpsilon, checkNormalization, checkScore, checkWinsLatest, checkWinsLaunch } from "./mechanism/scores.ts";
import { checkConversations, checkPages, checkReasoning } from "./mechanism/sources.ts";
import { Tally } from "./mechanism/tally.ts";
import { checkWeights } from "./mechanism/weights.ts";

/** Which function checks which vector files. */
const checks: Readonly<Record<string, (tally: Tally) => void | Promise<void>>> = {
  random: checkRandom,
  commitment: checkCommitments,
  hashes: checkHashes,
  sync: checkSync,
  sync_blocks: checkSyncBlocks,
  epsilon: checkEpsilon,
  normalization: checkNormalization,
  score: checkScore,
  "wins.latest": checkWinsLatest,
  "wins.launch": checkWinsLaunch,
  weights: checkWeights,
  retry: checkRetry,
  tracker: checkTracker,
  queue: checkQueue,
  top_miners: checkTopMiners,
  constraints: checkModels,
  architectures: checkArchitectures,
  "competitions.latest": checkCompetitionsLatest,
  "competitions.launch": checkCompetitionsLaunch,
  rounds: checkRounds,
  "rounds.launch": checkRoundsLaunch,
  word_sorting: checkWordSorting,
  dyck: checkDyck,
  mmlu: checkMmlu,
  if_eval_samples: checkInstructions,
  if_eval_rules: checkAnswerRules,
  similarity: checkSimilarity,
  multiple_choice: checkMultipleChoice,
  if_eval_score: checkInstructionScore,
  reference_loss: checkReferenceLoss,
  text_loss: checkTextLoss,
  response_loss: checkResponseLoss,
  pages: checkPages,
  reasoning_data: checkReasoning,
  samples: checkConversations,
};

/** Checks every rule vector in the folder. Differences are sentences with file, case and both values. */
export async function checkMechanismRules(goldenFolder: string): Promise<{
  family: string;
  cases: number;
  worst: number;
  problems: string[];
}> {
  const tally = new Tally(goldenFolder);
  for (const check of Object.values(checks)) await check(tally);
  return { family: "mechanism: rules", cases: tally.cases, worst: tally.worst, problems: tally.problems };
}
