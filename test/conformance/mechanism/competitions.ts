/** competitions.*.json: the built-in files have the values of the original's constants. */
import { builtInCompetitions } from "../../../src/competition/built-in.ts";
import type { Competition, CompetitionFile, Method, Source, Task } from "../../../src/competition/competition.ts";
import { competitionAt, competitionsAt } from "../../../src/competition/schedule.ts";
import { epsilonOf } from "./scores.ts";
import type { Tally, Vector } from "./tally.ts";

export function checkCompetitionsLatest(tally: Tally): void {
  const vector = tally.read("competitions.latest.json");
  const file = builtInCompetitions("sn37-latest");
  checkFile(tally, "competitions.latest.json", file, vector);
  tally.equal("competitions.latest.json cadence", file.sync, {
    genesisBlock: vector.genesis_block,
    cadenceBlocks: vector.sync_block_cadence,
  });
  tally.equal("competitions.latest.json retry", file.queue.forcedRetryBlocks, vector.model_retry_cadence_blocks);
  for (const { block, competitions, by_id: byId } of vector.active) {
    const running = competitionsAt(file, block);
    const where = `competitions.latest.json active at ${block}`;
    const described = running.map(({ id, emissionShare: share, tasks }) => {
      return { id, share, tasks: Object.fromEntries(tasks.map(({ name, weight }) => [name, weight])) };
    });
    tally.equal(where, described, competitions);
    for (const [id, share] of Object.entries(byId))
      tally.equal(`${where} ${id}`, competitionAt(file, block, Number(id))?.emissionShare ?? null, share);
  }
  tally.equal("competitions.latest.json before", competitionsAt(file, -1), []);
  for (const { competitions } of file.schedule) {
    for (const { movingAverage, winRate, roundWeights } of competitions) {
      const expected = { alpha: vector.alpha, threshold: vector.min_weight_threshold };
      tally.equal("competitions.latest.json average", movingAverage, expected);
      tally.equal("competitions.latest.json rules", [winRate, roundWeights.kind], ["per-score", "winner"]);
    }
  }
  checkTasks(tally, file, vector);
}

export function checkCompetitionsLaunch(tally: Tally): void {
  const vector = tally.read("competitions.launch.json");
  const file = builtInCompetitions("sn37-launch");
  checkFile(tally, "competitions.launch.json", file, vector);
  const { epsilon, winRate, roundWeights, movingAverage, tasks } = file.schedule[0]!.competitions[0]!;
  tally.equal("competitions.launch.json epsilon", epsilon, epsilonOf(vector.epsilon));
  tally.equal("competitions.launch.json rules", winRate, "per-batch");
  tally.equal("competitions.launch.json softmax", roundWeights, { kind: "softmax", temperature: vector.temperature });
  tally.equal("competitions.launch.json average", movingAverage, { alpha: vector.alpha, threshold: 0 });
  const { subnet, project, run_type: runType, max_uids: uidsMax, max_age_s: ageSecondsMax } = vector.sample_source;
  const { min_stake: stakeTaoMin, max_samples: samples, steps_per_run: stepsPerRun } = vector.sample_source;
  tally.equal("competitions.launch.json samples", tasks[0]!.samples, samples);
  tally.equal("competitions.launch.json source", tasks[0]!.source, {
    kind: "cortex-stream",
    project,
    runType,
    netuid: subnet,
    uidsMax,
    stepsPerRun,
    ageSecondsMax,
    stakeTaoMin,
  });
}

function checkFile(tally: Tally, where: string, file: CompetitionFile, vector: Vector): void {
  tally.equal(`${where} version key`, file.versionKey, vector.spec_version);
  tally.equal(`${where} kept`, file.queue.keptModels, vector.sample_min);
  tally.equal(`${where} updated`, file.queue.updatedModelsMax, vector.updated_models_limit);
  tally.equal(`${where} interval`, file.queue.checkIntervalSeconds, vector.chain_update_cadence_s);
  tally.equal(`${where} stake`, file.queue.topMinerStakeTaoMin, vector.top_miner_min_stake);
  tally.equal(`${where} share`, file.queue.topMinerShareMin, vector.top_miner_min_percent);
  tally.equal(
    `${where} periods`,
    file.schedule.map(({ fromBlock }) => fromBlock),
    vector.schedule.map((entry: Vector) => entry.block),
  );
  for (const [index, { competitions }] of vector.schedule.entries()) {
    for (const [place, expected] of competitions.entries()) {
      const ours = file.schedule[index]!.competitions[place]!;
      const { id, name, share, constraints } = expected;
      tally.equal(`${where} ${id}`, [ours.id, ours.name, ours.emissionShare], [id, name, share]);
      tally.equal(`${where} ${id} constraints`, ours.constraints, constraintsOf(constraints, vector));
      tally.equal(`${where} ${id} delay`, ours.evaluationDelayBlocks, constraints.eval_block_delay ?? 0);
      if (constraints.epsilon !== undefined)
        tally.equal(`${where} ${id} epsilon`, ours.epsilon, epsilonOf(constraints.epsilon));
    }
  }
}

function constraintsOf(vector: Vector, file: Vector): Competition["constraints"] {
  const norm = vector.norm ?? file.norm;
  return {
    parametersMin: vector.min_parameters,
    parametersMax: vector.max_parameters,
    repositoryBytesMax: vector.max_bytes ?? file.max_repo_bytes,
    sequenceLengthMax: vector.sequence_length,
    architectures: vector.architectures,
    tokenizer: vector.tokenizer,
    dtype: vector.load.torch_dtype.replace("torch.", ""),
    norms: { soft: norm.soft, softFractionMax: norm.soft_fraction, hard: norm.hard },
  };
}

const methods: Readonly<Record<string, Method["kind"]>> = {
  MULTIPLE_CHOICE: "multiple-choice",
  REFERENCE_LOSS: "reference-loss",
  TEXT_LOSS: "text-loss",
  IF_EVAL: "instruction-following",
};
const sources: Readonly<Record<string, Source["kind"]>> = {
  SYNTHETIC_MMLU: "synthetic-mmlu",
  WORD_SORTING: "word-sorting",
  FINEWEB: "fineweb",
  SYNTHETIC_IF_EVAL: "instructions",
  SYNTHETIC_1_SFT: "synthetic-1-sft",
  CODEFORCES_COTS: "codeforces-cots",
};

function checkTasks(tally: Tally, file: CompetitionFile, vector: Vector): void {
  for (const [index, { competitions }] of vector.schedule.entries())
    for (const [place, { tasks }] of competitions.entries())
      for (const [number, expected] of tasks.entries()) {
        const task = file.schedule[index]!.competitions[place]!.tasks[number]!;
        const where = `competitions.latest.json schedule[${index}] ${expected.name}`;
        const named = [task.name, task.weight, task.method.kind, task.source.kind];
        tally.equal(where, named, [
          expected.name,
          expected.weight,
          methods[expected.method],
          sources[expected.dataset],
        ]);
        const normalization =
          expected.normalization === "NONE"
            ? { kind: "none" }
            : { kind: "inverse-exponential", ceiling: expected.normalization_arguments.ceiling };
        tally.equal(`${where} normalization`, task.normalization, normalization);
        checkTaskNumbers(tally, where, task, expected.dataset_arguments, vector);
      }
}

function checkTaskNumbers(tally: Tally, where: string, task: Task, args: Vector, { mmlu, generation }: Vector): void {
  const { source, method, samples } = task;
  if (source.kind === "synthetic-mmlu") {
    const { configs, samplesMin, netuid, stakeTaoMin } = source;
    const expected = [
      mmlu.configs_to_sample,
      mmlu.min_samples,
      mmlu.subnet,
      mmlu.validator_min_stake,
      mmlu.max_samples,
    ];
    tally.equal(`${where} source`, [configs, samplesMin, netuid, stakeTaoMin, samples], expected);
  }
  if (source.kind === "synthetic-1-sft" || source.kind === "codeforces-cots") {
    const expected = [args.num_pages, args.num_rows_per_page, args.target_size ?? args.num_rows_per_page];
    tally.equal(`${where} source`, [source.pages, source.rowsPerPage, samples], expected);
  }
  if (source.kind === "instructions") tally.equal(`${where} version`, source.version, args.if_eval_version);
  for (const [kind, name] of [
    ["multiple-choice", "MULTIPLE_CHOICE"],
    ["instruction-following", "IF_EVAL"],
  ]) {
    if (method.kind !== kind || !("repetitionPenalty" in method)) continue;
    const { max_new_tokens: newTokens, repetition_penalty: penalty } = generation[name!];
    tally.equal(`${where} generation`, [method.newTokensMax, method.repetitionPenalty], [newTokens, penalty]);
  }
}
