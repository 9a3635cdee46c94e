/**
 * Data sources on loopback: the dataset viewer, W&B and NLTK's archives, with data of our own making. Nothing is kept on
 * disk: the same seed gives the same data, only the runs' times move with the clock, since readers refuse what is older
 * than a day.
 */
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { keypairFromUri } from "../../chain/keypair.ts";
import { FaultInjector, type Faults } from "../hub/faults.ts";
import { buildTables } from "./datasets.ts";
import { Language, type LanguageDigests } from "./language.ts";
import { buildRuns } from "./runs.ts";
import { Viewer } from "./viewer.ts";
import { Wandb } from "./wandb.ts";

export interface DataOptions {
  /** 0: any free port. */
  readonly port?: number;
  /** Key URIs of the validators whose questions and runs count. */
  readonly validators?: readonly string[];
  readonly seed?: number;
  readonly faults?: Faults;
  readonly nowMs?: number;
}

export interface RunningData {
  /** The address of all: `--datasets URL --wandb URL --language URL`. */
  readonly url: string;
  /** What a competition names the word list and the tagger by. */
  readonly language: LanguageDigests;
  setFaults(faults: Faults): void;
  close(): Promise<void>;
}

/** Of the public project whose runs the launch rules read. */
const project = { entity: "cortex-t", name: "multi-modality" };

/** Starts the server on 127.0.0.1. Throws when the port is taken or a key cannot be read. */
export async function startData(options: DataOptions = {}): Promise<RunningData> {
  await cryptoWaitReady();
  const { seed = 0, nowMs = Date.now() } = options;
  const keys = (options.validators ?? []).map(keypairFromUri);
  const viewer = new Viewer(
    buildTables(
      seed,
      keys.map(({ ss58Address }) => ss58Address),
    ),
  );
  const wandb = new Wandb({ ...project, runs: buildRuns(seed, keys, keypairFromUri("//Stranger"), nowMs) });
  const language = new Language(seed);
  const faults = new FaultInjector(options.faults ?? {}, seed);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    async fetch(request) {
      const fault = await faults.before(request);
      if (fault !== null) return fault;
      const answer = viewer.answer(request) ?? language.answer(request) ?? (await wandb.answer(request));
      return faults.after(answer ?? Response.json({ error: "There is nothing here." }, { status: 404 }));
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    language: language.digests,
    setFaults: (changed) => {
      faults.faults = changed;
    },
    close: () => server.stop(true),
  };
}
