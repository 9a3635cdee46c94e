/** `finetune config`: every shared setting, its value and where it came from. */
import { command } from "./command.ts";
import { printJson, printTable } from "./output.ts";
import { resolve, type Setting, type SettingName, settingArgs, settings } from "./settings.ts";

const names = Object.keys(settings) as SettingName[];

export default command({
  summary: "show every setting, its value and where it came from",
  examples: [
    { line: "config", explains: "what a command would use here, and why" },
    { line: "config --network test --json", explains: "the same for scripts, with one flag given" },
  ],
  args: {
    ...settingArgs(...names),
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const rows = names.map((name) => {
      const { value, source } = resolve(name, args);
      const setting: Setting = settings[name];
      const shown = value !== undefined && setting.secret ? "********" : (value ?? null);
      return { name, value: shown, source, environment: setting.environment };
    });
    if (args.json) {
      printJson({ settings: rows });
      return;
    }
    printTable(
      ["setting", "value", "from", "variables"],
      rows.map((row) => [row.name, row.value ?? "", row.source, row.environment.join(", ")]),
    );
  },
});
