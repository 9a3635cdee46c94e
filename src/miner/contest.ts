/**
 * A competition as it stands at the newest block: its rules, a draw of questions that nobody has seen, and the models that
 * must be beaten. What a model is worth is asked of this, by `mine check` and by every turn of `mine run`.
 */
import type { ChainClient } from "../chain/client.ts";
import type { Competition, CompetitionFile } from "../competition/competition.ts";
import { roundSeed } from "../competition/schedule.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import type { ModelCache } from "../hub/cache.ts";
import type { Hub } from "../hub/connection.ts";
import type { Block, BlockHash, Hotkey, Netuid } from "../subnet.ts";
import { type CheckReport, checkModel, probabilityBetter } from "./check.ts";
import { type LocalModel, measureOnce, type Problem } from "./measurement.ts";
import { runningCompetition } from "./publish-checks.ts";
import { type HoldOptions, holdModels, readContest } from "./rivals.ts";

export interface DrawRequest {
  /** Some sources ask it whose data counts. */
  readonly chain: ChainClient;
  readonly competition: Competition;
  /** What the draw follows from. */
  readonly seed: bigint | string;
  readonly block: Block;
  readonly blockHash: BlockHash;
  readonly signal: AbortSignal;
}

export interface ContestOptions {
  readonly chain: ChainClient;
  readonly netuid: Netuid;
  readonly file: CompetitionFile;
  readonly competitionId: number;
  /** Whose publication it would be: its own commitment is what would be replaced, no rival. Null: nobody's. */
  readonly hotkey: Hotkey | null;
  /** How many of the best paid models are measured against. */
  readonly rivalsMax: number;
  readonly hub: Hub;
  readonly cache: ModelCache;
  /** The texts of every task; one that cannot be drawn is missing, and where none can it throws. */
  readonly drawTexts: (request: DrawRequest) => Promise<ReadonlyMap<string, readonly TaskText[]>>;
  /** The folder of the competition's own tokenizer; undefined where every model has its own. */
  readonly tokenizerOf: (competition: Competition, signal: AbortSignal) => Promise<string | undefined>;
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onModel: (name: string) => void;
  readonly onDownload: HoldOptions["onProgress"];
}

export interface Contest extends Disposable {
  readonly competition: Competition;
  readonly block: Block;
  /** `revision`: the commit of the hub that the model is, so that it is not held against itself. */
  readonly check: (model: LocalModel & { readonly revision?: string }) => Promise<CheckReport>;
  /** The probability that one model of this machine is better than another, without any ε; or why one has no loss. */
  readonly better: (
    ours: LocalModel,
    theirs: LocalModel,
  ) => Promise<number | (Problem & { readonly of: "ours" | "theirs" })>;
}

/** Draws, downloads and measures nothing twice; the downloaded models are in use until disposed. */
export async function openContest(options: ContestOptions): Promise<Contest> {
  const { chain, netuid, file, competitionId, hotkey, signal } = options;
  const head = await chain.head();
  const competition = runningCompetition([file], competitionId, head.number);
  const tokenizerFolder = await options.tokenizerOf(competition, signal);
  const seed = roundSeed(head.hash);
  const texts = await options.drawTexts({ chain, competition, seed, block: head.number, blockHash: head.hash, signal });
  const commitments = await readContest(chain, { netuid, file, competitionId });
  const hold = { competition, cache: options.cache, hub: options.hub, signal, onProgress: options.onDownload };
  const ofOthers = commitments.filter((commitment) => commitment.hotkey !== hotkey);
  const ofOwn = commitments.filter((commitment) => commitment.hotkey === hotkey);
  const disposables = new DisposableStack();
  try {
    // One more than is asked for, since the model that is checked may be among them.
    const rivals = disposables.use(await holdModels(ofOthers, options.rivalsMax + 1, hold));
    const own = disposables.use(await holdModels(ofOwn, 1, hold));
    const measure = measureOnce({
      competition,
      texts,
      signal,
      onModel: options.onModel,
      ...(tokenizerFolder === undefined ? {} : { tokenizerFolder }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
    });
    const at = { competition, texts, block: head.number, seed };
    const revisionOf = new Map(commitments.map(({ repo, revision }) => [repo, revision]));
    const disposable = disposables.move();
    return {
      competition,
      block: head.number,
      async check(model) {
        const isItself = ({ name }: { readonly name: string }) =>
          model.revision !== undefined && revisionOf.get(name) === model.revision;
        const report = await checkModel({
          ...at,
          model,
          measure,
          rivals: rivals.held.filter((rival) => !isItself(rival)).slice(0, options.rivalsMax),
          replaced: own.held.find((held) => !isItself(held)) ?? null,
        });
        return { ...report, failedRivals: [...report.failedRivals, ...rivals.leftOut] };
      },
      async better(ours, theirs) {
        const [own, other] = [await measure(ours), await measure(theirs)];
        if (own.kind !== "measured") return { ...own, of: "ours" };
        return other.kind !== "measured" ? { ...other, of: "theirs" } : probabilityBetter(at, own, other);
      },
      [Symbol.dispose]: () => disposable.dispose(),
    };
  } catch (error) {
    disposables.dispose();
    throw error;
  }
}
