/**
 * Settings that several commands share: flag > environment > default. This is the only place that reads the environment
 * for configuration; everything below cli takes parameters.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import type { StringArgDef } from "citty";
import { OperatorError } from "../base/errors.ts";
import { cacheDirectory } from "../base/paths.ts";

export interface Setting {
  readonly flag: string;
  /** Environment variables in the order they are looked at; ours first, then the ecosystem's own. */
  readonly environment: readonly string[];
  /** `undefined`: there is no default, the command says so when it needs the value. */
  readonly default: (environment: Environment) => string | undefined;
  readonly secret?: boolean;
  /** The value is the http(s) address of a server. */
  readonly isAddress?: boolean;
  readonly hint: string;
  readonly description: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Resolved {
  readonly value: string | undefined;
  /** `--db`, `FINETUNE_DB`, `default` or `not set`. */
  readonly source: string;
}

const none = () => undefined;

export const settings = {
  db: {
    flag: "db",
    environment: ["FINETUNE_DB"],
    default: () => "state.sqlite",
    hint: "FILE",
    description: "the state file (SQLite)",
  },
  network: {
    flag: "network",
    environment: ["FINETUNE_NETWORK", "BT_NETWORK", "BT_SUBTENSOR_NETWORK"],
    default: () => "finney",
    hint: "NAME|URL[,URL]",
    description: "finney, test, local, or WebSocket endpoints in order of preference",
  },
  netuid: {
    flag: "netuid",
    environment: ["FINETUNE_NETUID", "BT_NETUID"],
    default: () => "37",
    hint: "N",
    description: "the subnet's number",
  },
  "wallet.name": {
    flag: "wallet.name",
    environment: ["FINETUNE_WALLET_NAME", "BT_WALLET_NAME"],
    default: () => "default",
    hint: "NAME",
    description: "the wallet's folder name",
  },
  "wallet.hotkey": {
    flag: "wallet.hotkey",
    environment: ["FINETUNE_WALLET_HOTKEY", "BT_WALLET_HOTKEY"],
    default: () => "default",
    hint: "NAME",
    description: "the hotkey's file name",
  },
  "wallet.path": {
    flag: "wallet.path",
    environment: ["FINETUNE_WALLET_PATH", "BT_WALLET_PATH"],
    default: (environment) => join(environment.HOME ?? homedir(), ".bittensor", "wallets"),
    hint: "DIR",
    description: "the folder of wallets",
  },
  hub: {
    flag: "hub",
    isAddress: true,
    environment: ["FINETUNE_HUB", "HF_ENDPOINT"],
    default: () => "https://huggingface.co",
    hint: "URL",
    description: "the Hugging Face Hub, or a compatible server",
  },
  token: {
    flag: "token",
    environment: ["FINETUNE_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"],
    default: none,
    secret: true,
    hint: "hf_…",
    description: "the hub's access token (better in HF_TOKEN than on the command line)",
  },
  datasets: {
    flag: "datasets",
    isAddress: true,
    environment: ["FINETUNE_DATASETS"],
    default: () => "https://datasets-server.huggingface.co",
    hint: "URL",
    description: "the datasets server",
  },
  wandb: {
    flag: "wandb",
    isAddress: true,
    environment: ["FINETUNE_WANDB", "WANDB_BASE_URL"],
    default: () => "https://api.wandb.ai",
    hint: "URL",
    description: "the Weights & Biases server",
  },
  "wandb-key": {
    flag: "wandb-key",
    environment: ["FINETUNE_WANDB_KEY", "WANDB_API_KEY"],
    default: none,
    secret: true,
    hint: "KEY",
    description: "the Weights & Biases API key (better in WANDB_API_KEY)",
  },
  language: {
    flag: "language",
    isAddress: true,
    environment: ["FINETUNE_LANGUAGE"],
    default: () => "https://raw.githubusercontent.com/nltk/nltk_data/gh-pages",
    hint: "URL",
    description: "where NLTK's word list and tagger are published, or a mirror of it",
  },
  cache: {
    flag: "cache",
    environment: ["FINETUNE_CACHE"],
    default: cacheDirectory,
    hint: "DIR",
    description: "where models, data and the native parts are kept; safe to delete",
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;

/** The flags of some settings, for a command's `args`. They carry no default: an absent flag must let the environment speak. */
export function settingArgs<const N extends SettingName>(...names: readonly N[]): Record<N, StringArgDef> {
  const entries = names.map((name) => {
    const setting: Setting = settings[name];
    const shown = setting.secret ? undefined : setting.default({});
    const description = `${setting.description} [${setting.environment.join(", ")}${shown === undefined ? "" : `; default ${shown}`}]`;
    return [name, { type: "string", valueHint: setting.hint, description } satisfies StringArgDef];
  });
  return Object.fromEntries(entries);
}

/** Resolves one setting from a command's parsed flags and the environment. An empty variable counts as not set. */
export function resolve(
  name: SettingName,
  args: Readonly<Record<string, unknown>>,
  environment: Environment = process.env,
): Resolved {
  const setting: Setting = settings[name];
  const given = args[setting.flag];
  if (typeof given === "string") return { value: given, source: `--${setting.flag}` };
  for (const variable of setting.environment) {
    const value = environment[variable];
    if (value !== undefined && value !== "") return { value, source: variable };
  }
  const value = setting.default(environment);
  return { value, source: value === undefined ? "not set" : "default" };
}

/** The value of a setting that has a default. Throws `OperatorError` for an address that is none. */
export function settingOf(name: SettingName, args: Readonly<Record<string, unknown>>): string {
  const setting: Setting = settings[name];
  const { value = "", source } = resolve(name, args);
  if (setting.isAddress && !(URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)))
    throw new OperatorError(
      `${source} is ${JSON.stringify(value)}, which is no address of a server.`,
      `Give a URL such as ${setting.default({}) ?? "https://…"}.`,
    );
  return value;
}
