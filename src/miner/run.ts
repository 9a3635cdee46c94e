/**
 * The miner's loop. A turn draws data, trains on from the best model so far, checks the result against that and against
 * the rivals, and publishes when it is worth it. Every step is in the state file before the next begins; run again after
 * any interruption, it goes on where it stopped.
 */
import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { FailureError, InterruptedError, OperatorError } from "../base/errors.ts";
import { aborted } from "../base/interrupt.ts";
import type { ChainClient } from "../chain/client.ts";
import { folderBytes } from "../model/folder.ts";
import { type Contest, openContest } from "./contest.ts";
import { readMaterials } from "./materials.ts";
import type { LocalModel } from "./measurement.ts";
import { openOutFolder } from "./out-folder.ts";
import { publishModel } from "./publish.ts";
import { checkedRepository, requireRegistered, runningCompetition } from "./publish-checks.ts";
import { readOwnCommitment } from "./rivals.ts";
import { endlessSource, writeMaterials } from "./run-data.ts";
import { RunJournal, type TurnModel } from "./run-journal.ts";
import type { Retries, RunOptions } from "./run-options.ts";
import { openBase, trainModel } from "./training.ts";
import type { TrainingSource } from "./training-options.ts";

const retriesDefault: Retries = { attemptsMax: 8, secondsFirst: 15 };
/** After this many blocks (20 minutes of the public chain) a verdict is asked for again before anything is committed. */
const verdictBlocksMax = 100;
/** The repository's names are checked with this turn's number, so that none is too long in the midst of a night. */
const turnForNames = 9999;

/** Throws `OperatorError` for what the operator must change, `FailureError` for what did not pass, `InterruptedError`. */
export async function runMiner(options: RunOptions): Promise<void> {
  const { store, signer, contest, out, repo } = options;
  checkedRepository(`${repo}-${turnForNames}`, contest.competitionId);
  await openBase(options.base);
  if (options.source?.kind === "files") await readMaterials(options.source.path);
  const folder = await openOutFolder(out, options.base);
  const scope = `run:${signer.ss58Address}:${contest.competitionId}:${folder}`;
  const journal = await RunJournal.open(store, { scope, base: resolve(options.base), folder });
  const run = new MinerRun(options, journal, folder);
  await run.requirePossible();
  await journal.begin();
  for (let turn = 0; turn < options.turns; turn++) await run.turn();
}

class MinerRun {
  #wasConnected = false;

  constructor(
    private readonly options: RunOptions,
    private readonly journal: RunJournal,
    private readonly folder: string,
  ) {}

  /** What would only be found out after hours of training is asked first. */
  async requirePossible(): Promise<void> {
    const { contest, signer } = this.options;
    const { netuid, competitionId, file } = contest;
    await this.#withChain(async (chain) => {
      await requireRegistered({ chain, netuid, signer });
      runningCompetition([file], competitionId, (await chain.head()).number);
      const own = await readOwnCommitment(chain, netuid, signer.ss58Address);
      if (own !== null && own.competitionId !== competitionId)
        throw new OperatorError(
          `Hotkey ${signer.ss58Address} has committed ${own.repo} to competition ${own.competitionId}, which a publication here would replace.`,
          "Use another hotkey, or replace it deliberately with `finetune mine publish` first.",
        );
    });
  }

  async turn(): Promise<void> {
    const { number, base } = this.journal.state.turn;
    await this.#tidy();
    this.options.onEvent({ kind: "turn", turn: number, base: base.folder });
    await this.#persist(() => this.#finishPublication());
    if (this.journal.state.turn.trained === null) await this.#train();
    if (this.journal.state.turn.checked === null) await this.#persist(() => this.#check());
    await this.#persist(() => this.#finishPublication());
    await this.journal.nextTurn();
  }

  async #train(): Promise<void> {
    const { training, signal, onEvent } = this.options;
    const { number: turn, base } = this.journal.state.turn;
    const source = await this.#source();
    const { lossNatsMean } = await trainModel({
      ...training,
      base: base.folder,
      out: this.#folderOf(turn),
      source,
      adapter: null,
      seed: training.seed + BigInt(turn),
      signal,
      onEvent: (event) => onEvent({ kind: "training", turn, event }),
    });
    await this.journal.updateTurn({ trained: { lossNatsMean } });
    onEvent({ kind: "trained", turn, lossNatsMean });
  }

  async #source(): Promise<TrainingSource> {
    if (this.options.source !== null) return this.options.source;
    if (this.journal.state.turn.dataFile === null) {
      const endless = await this.#persist(() => this.#draw());
      if (endless !== undefined) return endless;
    }
    return { kind: "files", path: this.journal.state.turn.dataFile! };
  }

  /** Draws the turn's samples into its file, or says what needs none. */
  async #draw(): Promise<TrainingSource | undefined> {
    const { contest, training, signal, onEvent } = this.options;
    const { number: turn } = this.journal.state.turn;
    return await this.#withChain(async (chain) => {
      const { number: block, hash: blockHash } = await chain.head();
      const competition = runningCompetition([contest.file], contest.competitionId, block);
      const endless = endlessSource(competition);
      if (endless !== undefined) return endless;
      const seed = `training of turn ${turn}, seed ${training.seed}`;
      const texts = await contest.drawTexts({ chain, competition, seed, block, blockHash, signal });
      const dataFile = `${this.#folderOf(turn)}.jsonl`;
      const samples = await writeMaterials(dataFile, [...texts.values()].flat());
      await this.journal.updateTurn({ dataFile });
      onEvent({ kind: "drawn", turn, samples });
      return undefined;
    });
  }

  /** Finds the better of the new model and the best so far, and whether that is worth publishing. */
  async #check(): Promise<void> {
    await this.#withContest(async (contest) => {
      const { turn, best, published } = this.journal.state;
      const fresh: TurnModel = { turn: turn.number, folder: this.#folderOf(turn.number) };
      const better = (await this.#isBetter(contest, fresh, best)) ? fresh : best;
      // What the run began with may be anybody's, and what is published needs no second publication.
      const isNew = better.turn > 0 && better.turn !== published?.model.turn;
      const report = isNew ? await contest.check(await localModel(better)) : null;
      const verdict = report?.verdict ?? "not-yet";
      const checked = { block: contest.block, verdict };
      const publication = { model: better, repo: this.#repoOf(better), checkedAt: contest.block, shelved: false };
      await this.journal.update({
        best: better,
        turn: { ...turn, checked },
        ...(verdict === "publish" ? { publication } : {}),
      });
      this.options.onEvent({ kind: "checked", turn: turn.number, best: better.turn, report });
    });
  }

  /** Whether a new model is more likely better than the best so far. One that validators would refuse is not. */
  async #isBetter(contest: Contest, fresh: TurnModel, best: TurnModel): Promise<boolean> {
    const answer = await contest.better(await localModel(fresh), await localModel(best));
    if (typeof answer === "number") return answer > 0.5;
    const { folder, turn } = answer.of === "ours" ? fresh : best;
    if (answer.kind === "failed")
      throw new FailureError(
        `${folder} could not be measured: ${answer.detail}.`,
        "Make room for it and run this again.",
      );
    this.options.onEvent({ kind: "refused", turn, reason: answer.reason, detail: answer.detail });
    return answer.of === "theirs";
  }

  /** Goes on with a publication that was begun, unless it has become pointless before it was committed. */
  async #finishPublication(): Promise<void> {
    const { publication, turn } = this.journal.state;
    if (publication === null) return;
    const { signer, contest, onEvent, store, workFolder, signal } = this.options;
    const published = await this.#withChain(async (chain) => {
      if (!(await this.#isStillWorthIt(chain))) return undefined;
      const { model, repo } = publication;
      return await publishModel({
        store,
        chain,
        signal,
        signer,
        repo,
        workFolder,
        netuid: contest.netuid,
        hub: contest.hub,
        competitions: [contest.file],
        competitionId: contest.competitionId,
        folder: model.folder,
        onStep: (step) => onEvent({ kind: "publishing", turn: model.turn, step }),
        onProgress: (progress) => onEvent({ kind: "progress", turn: model.turn, progress }),
      });
    });
    if (published === undefined) return;
    const { model, repo } = publication;
    await this.journal.update({ publication: null, published: { model, repo, block: published.block } });
    onEvent({ kind: "published", turn: turn.number, ...published });
  }

  async #isStillWorthIt(chain: ChainClient): Promise<boolean> {
    const publication = this.journal.state.publication!;
    const { contest, signer } = this.options;
    const isCommitted = async () =>
      (await readOwnCommitment(chain, contest.netuid, signer.ss58Address))?.repo === publication.repo;
    // What the chain holds already must become public, whatever it is worth by now.
    if (await isCommitted()) return true;
    if (publication.shelved) return false;
    if ((await chain.head()).number - publication.checkedAt <= verdictBlocksMax) return true;
    using opened = await this.#openContest(chain);
    const { model } = publication;
    const report = await opened.check(await localModel(model));
    this.options.onEvent({ kind: "checked", turn: this.journal.state.turn.number, best: model.turn, report });
    const shelved = report.verdict !== "publish";
    await this.journal.update({ publication: { ...publication, checkedAt: opened.block, shelved } });
    return !shelved || (await isCommitted());
  }

  #openContest(chain: ChainClient): Promise<Contest> {
    const { contest, signer, signal, onEvent } = this.options;
    const { number: turn } = this.journal.state.turn;
    return openContest({
      ...contest,
      chain,
      signal,
      hotkey: signer.ss58Address,
      onModel: (model) => onEvent({ kind: "measuring", turn, model }),
      onDownload: ({ repo: what, doneBytes, totalBytes }) =>
        onEvent({ kind: "progress", turn, progress: { kind: "downloading", what, doneBytes, totalBytes } }),
    });
  }

  #withContest<T>(work: (contest: Contest) => Promise<T>): Promise<T> {
    return this.#withChain(async (chain) => {
      using contest = await this.#openContest(chain);
      return await work(contest);
    });
  }

  async #withChain<T>(work: (chain: ChainClient) => Promise<T>): Promise<T> {
    const chain = await this.options.connect().catch((error: unknown) => {
      // What was there at the beginning is an outage, and may be back in a minute.
      if (this.#wasConnected && error instanceof OperatorError) throw new FailureError(error.message, error.hint);
      throw error;
    });
    this.#wasConnected = true;
    try {
      return await work(chain);
    } finally {
      chain.close();
    }
  }

  /** Tries again, later and later, what may work later. */
  async #persist<T>(work: () => Promise<T>): Promise<T> {
    const { retries = retriesDefault, signal, onEvent } = this.options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof FailureError) || attempt >= retries.attemptsMax) throw error;
        const seconds = retries.secondsFirst * 2 ** (attempt - 1);
        onEvent({ kind: "retrying", turn: this.journal.state.turn.number, seconds, reason: error.message });
        await Promise.race([Bun.sleep(1000 * seconds), aborted(signal)]);
        if (signal.aborted) throw new InterruptedError();
      }
    }
  }

  /** Deletes what turns have left that nothing will ask for again. */
  async #tidy(): Promise<void> {
    const { best, turn, publication, published } = this.journal.state;
    const needed = [best, turn.base, publication?.model, published?.model].map((model) => model?.turn);
    for (const name of await readdir(this.folder)) {
      const [, number] = /^turn-(\d+)(\.\w+)*$/.exec(name) ?? [];
      if (number === undefined || Number(number) >= turn.number || needed.includes(Number(number))) continue;
      await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }

  #folderOf(turn: number): string {
    return join(this.folder, `turn-${turn}`);
  }

  #repoOf({ turn }: TurnModel): string {
    return `${this.options.repo}-${turn}`;
  }
}

async function localModel({ folder }: TurnModel): Promise<LocalModel> {
  return { name: folder, folder, repositoryBytes: await folderBytes(folder) };
}
