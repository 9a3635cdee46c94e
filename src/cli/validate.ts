/** `finetune validate`: the validator's role. Flags and wiring; the work is in src/validator. */
import { access, constants, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, OperatorError } from "../base/errors.ts";
import { onInterrupt, onParentGone } from "../base/interrupt.ts";
import { log } from "../base/log.ts";
import { connectChain } from "../chain/client.ts";
import { endpointsOf } from "../chain/networks.ts";
import { openWallet } from "../chain/wallet.ts";
import { openModelCache } from "../hub/cache.ts";
import { connectHub } from "../hub/connection.ts";
import { readChain } from "../store/chain.ts";
import { openStore } from "../store/store.ts";
import { storeCompetitionFile } from "../validator/rules.ts";
import { openSources } from "../validator/sources.ts";
import { TokenCache, tokenCacheBounds } from "../validator/token-cache.ts";
import { runValidator } from "../validator/validator.ts";
import { command } from "./command.ts";
import { competitionFileArg, loadCompetitions } from "./competitions.ts";
import { serverArgs, serversOf } from "./data-servers.ts";
import { passwordSource } from "./password.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { validatorProgress } from "./validate-progress.ts";
import { decimal, integer } from "./values.ts";

export default command({
  summary: "measure the miners' models and set weights",
  examples: [
    {
      line: "validate --db state.sqlite --wallet.name validator --wallet.hotkey default",
      explains: "validate the public subnet",
    },
    { line: "validate --db state.sqlite --once --offline", explains: "run one round and write nothing to the chain" },
  ],
  outlivesReaders: true,
  args: {
    ...settingArgs("db", "network", "netuid", "wallet.name", "wallet.hotkey", "wallet.path", "hub", "token", "cache"),
    ...serverArgs,
    competitions: { ...competitionFileArg, default: "sn37-latest" },
    once: { type: "boolean", description: "end after one round" },
    offline: { type: "boolean", description: "never write to the chain" },
    threads: { type: "string", valueHint: "N", description: "cores for scoring (default: all)" },
    "disk-max": {
      type: "string",
      valueHint: "GB",
      default: "200",
      description: "the most that downloaded models may take",
    },
    "memory-max": {
      type: "string",
      valueHint: "GB",
      default: "64",
      description: "the most memory that a model's process may use",
    },
    json: { type: "boolean", description: "print every step as a line of JSON" },
    child: { type: "boolean", description: "end when standard input ends" },
  },
  async run(args) {
    const interrupted = onInterrupt();
    const signal = args.child ? AbortSignal.any([interrupted, onParentGone()]) : interrupted;
    const file = await loadCompetitions(args.competitions);
    const netuid = integer(settingOf("netuid", args), { flag: "netuid", min: 0, max: 65_535 });
    const threads =
      args.threads === undefined ? {} : { threads: integer(args.threads, { flag: "threads", min: 1, max: 1024 }) };
    const bytesMax = decimal(args["disk-max"], { flag: "disk-max", min: 0.0001 }) * 1e9;
    const memoryBytesMax = decimal(args["memory-max"], { flag: "memory-max", min: 0.1 }) * 1e9;
    const servers = serversOf(args);
    const cacheFolder = await writableCache(args);
    const signer = args.offline ? undefined : await unlockHotkey(args);
    const store = await openStore({ path: settingOf("db", args), mode: "write", create: true });
    try {
      const bound = await readChain(store);
      const chain = await connectChain({
        endpoints: endpointsOf(settingOf("network", args)),
        signal,
        log,
        ...(bound === undefined ? {} : { expected: { genesisHash: bound.genesisHash } }),
      });
      try {
        const context = {
          store,
          chain,
          netuid,
          hub: connectHub({ url: servers.hubUrl, token: servers.hubToken }),
          cache: openModelCache({ folder: join(cacheFolder, "models"), bytesMax }),
          tokenCache: new TokenCache({ folder: join(cacheFolder, "token-ids"), ...tokenCacheBounds }),
          tokenizersFolder: join(cacheFolder, "tokenizers"),
          sources: openSources({ ...servers, cacheFolder: join(cacheFolder, "datasets"), chain }),
          rules: await storeCompetitionFile(store, file),
          ...(signer === undefined ? {} : { signer }),
          limits: { memoryBytesMax },
          ...threads,
          report: validatorProgress({ json: args.json === true }),
          signal,
        };
        await runValidator(context, { once: args.once === true });
      } finally {
        chain.close();
      }
    } finally {
      await store.close();
    }
  },
});

/** Found out now: in a round, a folder that cannot be written would fail one model after the other. */
async function writableCache(args: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = settingOf("cache", args);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return folder;
  } catch (error) {
    throw new OperatorError(
      `The cache folder ${folder} cannot be written: ${messageOf(error)}.`,
      "Give --cache a folder of yours.",
    );
  }
}

async function unlockHotkey(args: Readonly<Record<string, unknown>>) {
  const location = {
    path: settingOf("wallet.path", args),
    name: settingOf("wallet.name", args),
    hotkey: settingOf("wallet.hotkey", args),
  };
  return await (await openWallet(location)).unlock("hotkey", passwordSource());
}
