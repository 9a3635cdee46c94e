/** Where samples come from, by the settings of a command. */
import { settingArgs, settingOf } from "./settings.ts";

/** The settings that `serversOf` reads, but for the hub's: a command has those in any case. */
export const serverArgs = settingArgs("datasets", "wandb", "wandb-key", "language");

export function serversOf(args: Readonly<Record<string, unknown>>) {
  return {
    hubUrl: settingOf("hub", args),
    hubToken: settingOf("token", args),
    datasetsUrl: settingOf("datasets", args),
    wandbUrl: settingOf("wandb", args),
    wandbKey: settingOf("wandb-key", args),
    languageUrl: settingOf("language", args),
  };
}
