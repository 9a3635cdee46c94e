/** Whether two validators saw the same data, and where what they measured differs: round by round. */
import { type ContenderDetails, readContenders } from "../store/contenders.ts";
import { readEvaluations } from "../store/evaluations.ts";
import { readLossesOf } from "../store/losses.ts";
import { readPages } from "../store/pages.ts";
import { readStandings } from "../store/results.ts";
import { listRounds } from "../store/rounds.ts";
import { listSampleSets } from "../store/samples.ts";
import type { Row } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Block } from "../subnet.ts";

export interface RoundComparison {
  readonly competitionId: number;
  readonly syncBlock: Block;
  /** Whether both asked every model the same. */
  readonly sameSamples: boolean;
  readonly sameRules: boolean;
  /** The greatest difference of two losses on the same batch, and how many differ by more than the tolerance. */
  readonly lossDifferenceMax: number;
  readonly lossesCompared: number;
  readonly lossesDifferent: number;
  /** Sentences: whatever else differs. */
  readonly notes: readonly string[];
}

export interface StateComparison {
  readonly rounds: readonly RoundComparison[];
  /** Finished rounds that only one of the two has. */
  readonly onlyFirst: readonly Block[];
  readonly onlySecond: readonly Block[];
}

/** Compares the finished rounds of two states. Losses that differ by at most `tolerance` nats count as equal. */
export async function compareStates(first: Store, second: Store, tolerance: number): Promise<StateComparison> {
  return first.transaction((a) => second.transaction((b) => compareSnapshots(a, b, tolerance)));
}

async function compareSnapshots(a: Store, b: Store, tolerance: number): Promise<StateComparison> {
  const keyOf = (round: Row<"rounds">) => `${round.competition_id} ${round.sync_block}`;
  const ofA = new Map((await listRounds(a, { state: "finished" })).map((round) => [keyOf(round), round]));
  const ofB = new Map((await listRounds(b, { state: "finished" })).map((round) => [keyOf(round), round]));
  const rounds: RoundComparison[] = [];
  for (const [key, round] of ofA) {
    const other = ofB.get(key);
    if (other !== undefined) rounds.push(await compareRounds([a, round], [b, other], tolerance));
  }
  const missing = (from: typeof ofA, other: typeof ofA) =>
    [...from].filter(([key]) => !other.has(key)).map(([, round]) => round.sync_block);
  return { rounds, onlyFirst: missing(ofA, ofB), onlySecond: missing(ofB, ofA) };
}

type Side = readonly [store: Store, round: Row<"rounds">];

async function compareRounds(a: Side, b: Side, tolerance: number): Promise<RoundComparison> {
  const [, round] = a;
  const [, other] = b;
  const notes: string[] = [];
  if (round.sync_block_hash !== other.sync_block_hash)
    notes.push(`the block's hash is ${round.sync_block_hash} and ${other.sync_block_hash}: two chains`);
  if (round.seed !== other.seed) notes.push("the seeds differ");
  if (round.tokenizer_revision !== other.tokenizer_revision)
    notes.push(
      `the competition's tokenizer is at ${commitOf(round)} and ${commitOf(other)}: its competition file can name one`,
    );
  const sampleNotes = await compareSamples(a, b);
  const losses = await compareLosses(a, b, tolerance);
  const [bestA, bestB] = [await winnerOf(a), await winnerOf(b)];
  if (bestA !== bestB) notes.push(`the first is uid ${bestA ?? "nobody"} and uid ${bestB ?? "nobody"}`);
  return {
    competitionId: round.competition_id,
    syncBlock: round.sync_block,
    sameSamples: sampleNotes.length === 0,
    sameRules: round.competition_digest === other.competition_digest,
    ...losses.figures,
    notes: [...notes, ...sampleNotes, ...(await compareContenders(a, b)), ...losses.notes],
  };
}

function commitOf({ tokenizer_revision: commit }: Row<"rounds">): string {
  return commit === null ? "an unknown commit" : `commit ${commit.slice(0, 12)}`;
}

/** Why the samples differ: first the pages that they came from, then the sets themselves. */
async function compareSamples([a, round]: Side, [b, other]: Side): Promise<string[]> {
  if (round.sample_digest !== null && round.sample_digest === other.sample_digest) return [];
  const setsA = await listSampleSets(a, round.id);
  const setsB = await listSampleSets(b, other.id);
  const name = ({ task, tokenizer }: Row<"sample_sets">) => `${task} (tokenizer ${tokenizer.slice(0, 12)})`;
  const digests = new Map(setsB.map((set) => [name(set), set.digest]));
  const notes = setsA.flatMap((set) => {
    const theirs = digests.get(name(set));
    digests.delete(name(set));
    if (theirs === undefined) return [`${name(set)} has samples in the first only`];
    return theirs === set.digest ? [] : [`the samples of ${name(set)} differ`];
  });
  notes.push(...[...digests.keys()].map((key) => `${key} has samples in the second only`));
  if (notes.length === 0) return [];
  const pageText = (page: Row<"pages">) => `${page.task} ${page.position}: ${page.page} ${page.state}`;
  const pagesA = new Set((await readPages(a, round.id)).map(pageText));
  const pagesB = new Set((await readPages(b, other.id)).map(pageText));
  const different = [...pagesA].filter((page) => !pagesB.has(page)).length;
  if (different > 0) notes.push(`${different} of ${pagesA.size} pages differ or were dropped by one`);
  return notes;
}

const modelName = ({ repo, revision }: ContenderDetails) => `${repo}@${revision}`;

async function compareContenders([a, round]: Side, [b, other]: Side): Promise<string[]> {
  const notes: string[] = [];
  const theirs = new Map((await readContenders(b, other.id)).map((contender) => [contender.uid, contender]));
  const text = ({ state, reason }: ContenderDetails) => (reason === null ? state : `${state} (${reason})`);
  for (const contender of await readContenders(a, round.id)) {
    const match = theirs.get(contender.uid);
    theirs.delete(contender.uid);
    if (match === undefined) notes.push(`uid ${contender.uid} was looked at by the first only`);
    else if (modelName(match) !== modelName(contender) || match.hotkey !== contender.hotkey)
      notes.push(`uid ${contender.uid} had ${modelName(contender)} and ${modelName(match)}`);
    else if (match.state !== contender.state || match.reason !== contender.reason)
      notes.push(`uid ${contender.uid} ${text(contender)} and ${text(match)}`);
  }
  return [...notes, ...[...theirs.keys()].map((uid) => `uid ${uid} was looked at by the second only`)];
}

async function compareLosses(a: Side, b: Side, tolerance: number) {
  const ours = await lossesByName(a);
  const theirs = await lossesByName(b);
  const figures = { lossDifferenceMax: 0, lossesCompared: 0, lossesDifferent: 0 };
  const notes: string[] = [];
  for (const [name, losses] of ours) {
    const other = theirs.get(name);
    if (other === undefined) continue;
    if (losses.length !== other.length) notes.push(`${name} has ${losses.length} and ${other.length} losses`);
    const different: number[] = [];
    for (let batch = 0; batch < Math.min(losses.length, other.length); batch++) {
      // Two failures are equal: the difference of two infinities is not a number.
      const difference = losses[batch] === other[batch] ? 0 : Math.abs(losses[batch]! - other[batch]!);
      figures.lossesCompared += 1;
      figures.lossDifferenceMax = Math.max(figures.lossDifferenceMax, difference);
      if (difference > tolerance) different.push(batch);
    }
    figures.lossesDifferent += different.length;
    if (different.length > 0)
      notes.push(`${name} differs on ${different.length} batches, first on batch ${different[0]}`);
  }
  return { figures, notes };
}

async function lossesByName([store, round]: Side): Promise<Map<string, Float64Array>> {
  const evaluations = await readEvaluations(store, round.id);
  const losses = await readLossesOf(
    store,
    evaluations.map(({ id }) => id),
  );
  const names = new Map((await readContenders(store, round.id)).map((row) => [row.model_id, modelName(row)]));
  return new Map(evaluations.map(({ id, model_id, task }) => [`${names.get(model_id)} on ${task}`, losses.get(id)!]));
}

async function winnerOf([store, round]: Side): Promise<number | undefined> {
  return (await readStandings(store, round.id)).find(({ rank, weight }) => rank === 1 && weight > 0)?.uid;
}
