/** The table of commands, grouped as a person would look for them. A new command is a file and a line here. */
import { type Entry, type Group, group } from "./command.ts";
import { renderColumns } from "./run.ts";

interface Section {
  readonly title: string;
  readonly commands: Readonly<Record<string, Entry>>;
}

const sections: readonly Section[] = [
  {
    title: "Roles",
    commands: {
      validate: { summary: "measure the miners' models and set weights", load: () => import("./validate.ts") },
      mine: { summary: "train, check and publish a model", load: () => import("./mine.ts") },
    },
  },
  {
    title: "Models",
    commands: {
      score: { summary: "the loss of a model on text or token ids", load: () => import("./score.ts") },
      generate: { summary: "continue text or token ids greedily", load: () => import("./generate.ts") },
      inspect: {
        summary: "what a model is and whether it may contend, without downloading it",
        load: () => import("./inspect.ts"),
      },
    },
  },
  {
    title: "Results",
    commands: {
      web: { summary: "leaderboard, histories and a chat as a page", load: () => import("./web.ts") },
      leaderboard: { summary: "who stands where after the last round", load: () => import("./leaderboard.ts") },
      history: { summary: "the rounds of a uid", load: () => import("./history.ts") },
      explain: { summary: "why a uid has its weight, back to the losses", load: () => import("./explain.ts") },
      rounds: { summary: "list rounds; compare those of two validators", load: () => import("./rounds.ts") },
      rescore: {
        summary: "replay stored losses: verify every number, or try other rules",
        load: () => import("./rescore.ts"),
      },
      export: { summary: "losses, standings, weights or models for other programs", load: () => import("./export.ts") },
      import: { summary: "take in a state that somebody published", load: () => import("./import.ts") },
    },
  },
  {
    title: "Rules",
    commands: {
      competition: {
        summary: "the competitions as data: list, show, check, at, schema",
        load: () => import("./competition.ts"),
      },
      simulate: {
        summary: "play known attacks against the rules and show what they earn",
        load: () => import("./simulate.ts"),
      },
    },
  },
  {
    title: "Chain",
    commands: {
      wallet: { summary: "create, read and use wallets", load: () => import("./wallet.ts") },
      balance: { summary: "the TAO of an account", load: () => import("./balance.ts") },
      subnet: { summary: "the chain that answers, and the subnet's parameters", load: () => import("./subnet.ts") },
      metagraph: { summary: "the subnet's neurons and what they have committed", load: () => import("./metagraph.ts") },
      register: { summary: "register a hotkey in the subnet", load: () => import("./register.ts") },
      weights: { summary: "weights on the chain: show, submit, reveal, history", load: () => import("./weights.ts") },
      health: { summary: "whether this validator does its work, as an exit code", load: () => import("./health.ts") },
      consensus: {
        summary: "explain a weight matrix: what the consensus clips, who earns what",
        load: () => import("./consensus.ts"),
      },
    },
  },
  {
    title: "Local subnet",
    commands: {
      demo: { summary: "see a whole subnet run on this machine, in about a minute", load: () => import("./demo.ts") },
      localnet: {
        summary: "run a chain, a hub and data sources on this machine",
        load: () => import("./localnet.ts"),
      },
    },
  },
  {
    title: "Settings",
    commands: {
      db: { summary: "look after the state file: info, check, backup, prune, migrate", load: () => import("./db.ts") },
      config: { summary: "show every setting, its value and where it came from", load: () => import("./config.ts") },
    },
  },
];

/** Commands that the program calls itself as (child processes); they work, but help does not list them. */
const internal: Readonly<Record<string, Entry>> = {
  worker: { summary: "serve one model over stdin and stdout", load: () => import("./worker.ts") },
};

export const root: Group = group("A fine-tuning subnet in one executable.", {
  ...Object.assign({}, ...sections.map((section) => section.commands)),
  ...internal,
});

/** The text of `finetune --help`. */
export function renderRoot(): string {
  const parts = sections.map(
    ({ title, commands }) =>
      `${title}\n${renderColumns(Object.entries(commands).map(([name, entry]) => [name, entry.summary]))}`,
  );
  return `${root.summary}\n\nUsage: finetune <command> [flags]\n\n${parts.join("\n\n")}\n\nSee \`finetune <command> --help\` for flags and an example; \`--version\` prints the version.\n`;
}
