/**
 * The tables of a state file, as Kysely sees them. Every number on a leaderboard can be walked back along these rows:
 *
 *   submissions ─ submission_weights          what was sent to the chain, and what it answered
 *     rounds ─ subnet_weights ─ averages      the vectors after the round (all competitions; this competition)
 *       standings ─ task_scores               one row per contender: score, wins, round weight
 *         contenders                          who was looked at, and why some did not contend
 *           evaluations ─ losses              round × model × task; one loss per batch
 *             sample_sets ─ samples           what was asked, by tokenizer
 *             draws ─ draw_parts ─ pages      the texts that it was made of, and where they came from
 *           models ─ verdicts                 what a revision holds; judged once per hotkey and constraints
 *         commitments ─ neurons               what the chain said
 *     competitions ─ tasks ─ rule_sets        the rules as they were used, by the digest of their JSON
 *   chain, writers, events, journal           whose state this is, who wrote it, what happened, step journals
 *
 * Words: `…_at` is milliseconds since 1970; `…_id` refers to `id` of the named table, but `competition_id` is the number that
 * commitments carry; JSON is text; real columns hold infinities but never NaN. Rows are immutable except for the columns
 * that a `state` column governs and the `last_block` group of neurons.
 */
import type { Generated, Selectable } from "kysely";

export interface Schema {
  readonly migrations: MigrationRow;
  readonly chain: ChainRow;
  readonly writers: WriterRow;
  readonly events: EventRow;
  readonly journal: JournalRow;
  readonly rule_sets: RuleSetRow;
  readonly competitions: CompetitionRow;
  readonly tasks: TaskRow;
  readonly neurons: NeuronRow;
  readonly commitments: CommitmentRow;
  readonly models: ModelRow;
  readonly verdicts: VerdictRow;
  readonly rounds: RoundRow;
  readonly pages: PageRow;
  readonly draws: DrawRow;
  readonly draw_parts: DrawPartRow;
  readonly sample_sets: SampleSetRow;
  readonly samples: SampleRow;
  readonly contenders: ContenderRow;
  readonly evaluations: EvaluationRow;
  readonly losses: LossRow;
  readonly standings: StandingRow;
  readonly task_scores: TaskScoreRow;
  readonly averages: VectorRow;
  readonly subnet_weights: VectorRow;
  readonly submissions: SubmissionRow;
  readonly submission_weights: SubmissionWeightRow;
}

export type TableName = keyof Schema;
export type Row<Name extends TableName> = Selectable<Schema[Name]>;

export interface MigrationRow {
  name: string;
  applied_at: number;
}

export interface ChainRow {
  id: Generated<number>;
  genesis_hash: string;
  netuid: number;
}

export interface WriterRow {
  id: Generated<number>;
  pid: number;
  host: string;
  version: string;
  started_at: number;
}

export type EventLevel = "info" | "warning" | "error";

export interface EventRow {
  id: Generated<number>;
  at: number;
  block: number | null;
  level: EventLevel;
  kind: string;
  message: string;
  /** JSON. */
  data: string | null;
}

export interface JournalRow {
  /** Whose steps: `publish:<hotkey>`, for example. */
  scope: string;
  key: string;
  /** JSON. */
  value: string;
  written_at: number;
}

/** A whole competition file. */
export interface RuleSetRow {
  digest: string;
  definition: string;
  stored_at: number;
}

/** One competition, with everything that judging a round of it needs; several rule sets may hold the same one. */
export interface CompetitionRow {
  digest: string;
  competition_id: number;
  name: string;
  definition: string;
}

export interface TaskRow {
  competition_digest: string;
  position: number;
  name: string;
  weight: number;
  definition: string;
}

/** A hotkey's stay at a uid: [first_block, last_block] as far as it was seen; the figures are of last_block. */
export interface NeuronRow {
  id: Generated<number>;
  uid: number;
  hotkey: string;
  coldkey: string;
  first_block: number;
  last_block: number;
  stake_tao: number;
  /** 0 or 1. */
  validator_permit: number;
  incentive: number;
  consensus: number;
  dividends: number;
  validator_trust: number;
}

/** Raw bytes, and either what they mean or (`problem`) why they mean nothing. */
export interface CommitmentRow {
  id: Generated<number>;
  hotkey: string;
  block: number;
  data: Uint8Array;
  seen_at: number;
  problem: string | null;
  repo: string | null;
  revision: string | null;
  secure_hash: string | null;
  competition_id: number | null;
}

/** A revision of a repository. The columns from directory_hash on are filled in as they become known. */
export interface ModelRow {
  id: Generated<number>;
  repo: string;
  revision: string;
  found_at: number;
  directory_hash: string | null;
  parameter_hash: string | null;
  parameter_count: number | null;
  size_bytes: number | null;
  architecture: string | null;
  /** JSON: what inspection of the headers found. */
  inspection: string | null;
}

export type VerdictState = "valid" | "invalid";

export interface VerdictRow {
  model_id: number;
  hotkey: string;
  /** Digest of the constraints that it was judged against: a changed rule makes a new verdict, never the same one twice. */
  constraints_digest: string;
  state: VerdictState;
  reason: string | null;
  detail: string | null;
  judged_at: number;
}

export type RoundVerdictKind = "judged" | "no-task" | "nobody";
export type RoundState = "open" | "finished" | "abandoned";

export interface RoundRow {
  id: Generated<number>;
  competition_id: number;
  competition_digest: string;
  rule_set_digest: string;
  sync_block: number;
  sync_block_hash: string;
  /** Decimal digits: the seed is a 256-bit integer. */
  seed: string;
  state: RoundState;
  /** Why it was abandoned. */
  reason: string | null;
  /** The commit of the competition's tokenizer; null where it has none, or before it was looked up. */
  tokenizer_revision: string | null;
  /** Digest of all sample sets: by it two validators see that they asked the same. */
  sample_digest: string | null;
  /** The rules' word for a finished round. */
  verdict: RoundVerdictKind | null;
  /** The block of the metagraph that the round was judged with: who held which uid. */
  metagraph_block: number | null;
  /** How many averages the round left; null before a competition's first. */
  averages_count: number | null;
  started_at: number;
  finished_at: number | null;
  /** When what was measured in it was deleted; its standings stay, but they can no longer be replayed. */
  pruned_at: number | null;
}

export type PageState = "used" | "dropped";

export interface PageRow {
  round_id: number;
  task: string;
  position: number;
  source: string;
  /** JSON: the source's own address of the page. */
  page: string;
  state: PageState;
  reason: string | null;
}

export type DrawState = "drawn" | "dropped";

/** What a task drew, once a round: a round that was cut off goes on with these texts and no others. */
export interface DrawRow {
  id: Generated<number>;
  round_id: number;
  task: string;
  state: DrawState;
  /** Why it was dropped. */
  reason: string | null;
  /** SHA-256 of the texts as lines of JSON; null when dropped. */
  digest: string | null;
  /** How many. */
  texts: number;
  drawn_at: number;
}

/** Kept while the round is open: afterwards its samples say what was asked. */
export interface DrawPartRow {
  draw_id: number;
  part: number;
  /** Lines of JSON, a text a line, compressed with zstd. */
  texts: Uint8Array;
}

export interface SampleSetRow {
  id: Generated<number>;
  round_id: number;
  task: string;
  /** A digest or name that is equal only for equal tokenizers. */
  tokenizer: string;
  digest: string;
  batches: number;
}

export interface SampleRow {
  sample_set_id: number;
  position: number;
  batch: number;
  /** Token ids as LEB128. */
  ids: Uint8Array;
  scored_from: number | null;
  /** JSON of a generation sample's settings. */
  generation: string | null;
  /** JSON: what the task compares the continuation with. */
  reference: string | null;
}

/** `contends`, or why not: `refused` is the miner's fault, `failed` ours or the network's. */
export type ContenderState = "contends" | "refused" | "failed";

export interface ContenderRow {
  id: Generated<number>;
  round_id: number;
  uid: number;
  hotkey: string;
  commitment_id: number | null;
  model_id: number | null;
  state: ContenderState;
  reason: string | null;
  detail: string | null;
}

export type EvaluationState = "open" | "scored" | "failed";

export interface EvaluationRow {
  id: Generated<number>;
  round_id: number;
  model_id: number;
  task: string;
  sample_set_id: number | null;
  state: EvaluationState;
  reason: string | null;
  detail: string | null;
  /** What computed it: runtime, device, precision. */
  engine: string | null;
  started_at: number;
  finished_at: number | null;
}

export interface LossRow {
  evaluation_id: number;
  batch: number;
  loss: number;
}

export type StandingOutcome = "scored" | "failed" | "duplicate";

export interface StandingRow {
  round_id: number;
  uid: number;
  /** 1 is the best. */
  rank: number;
  outcome: StandingOutcome;
  duplicate_of: number | null;
  score: number;
  epsilon: number;
  wins: number;
  matches: number;
  win_rate: number;
  weight: number;
}

export interface TaskScoreRow {
  round_id: number;
  uid: number;
  task: string;
  raw: number;
  normalized: number;
  weighted: number;
}

/** An entry of a weight vector after a round, as the rules gave it: sparse, zeros only where the rules list them. */
export interface VectorRow {
  round_id: number;
  uid: number;
  hotkey: string;
  weight: number;
}

export type SubmissionMode = "plain" | "hash-commit" | "timelocked";
export type SubmissionState = "prepared" | "sent" | "included" | "revealed" | "refused" | "lost";

export interface SubmissionRow {
  id: Generated<number>;
  round_id: number | null;
  block: number;
  hotkey: string;
  mode: SubmissionMode;
  version_key: number;
  state: SubmissionState;
  salt: Uint8Array | null;
  payload: Uint8Array | null;
  reveal_round: number | null;
  /** JSON: block and extrinsic hash, or the chain's error by name. */
  answer: string | null;
  created_at: number;
  answered_at: number | null;
}

export interface SubmissionWeightRow {
  submission_id: number;
  uid: number;
  weight: number;
  /** The u16 that went to the chain. */
  value: number;
}
