/** `finetune wallet list`: every wallet under the folder, with its addresses. */
import { describeKey, listWallets } from "../chain/wallet.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { storedText } from "./wallet-location.ts";

export default command({
  summary: "list wallets and their addresses",
  examples: [
    { line: "wallet list", explains: "coldkeys and hotkeys under ~/.bittensor/wallets" },
    { line: "wallet list --wallet.path /keys --json", explains: "another folder, for a script" },
  ],
  args: {
    ...settingArgs("wallet.path"),
    json: { type: "boolean", description: "print one JSON document" },
  },
  run: async (args) => {
    const path = settingOf("wallet.path", args);
    const wallets = [];
    for (const { name, hotkeys } of await listWallets(path)) {
      const coldkey = await describeKey({ path, name, hotkey: "default" }, "coldkey");
      const described = [];
      for (const hotkey of hotkeys)
        described.push({ name: hotkey, ...(await describeKey({ path, name, hotkey }, "hotkey")) });
      wallets.push({ name, coldkey, hotkeys: described });
    }
    if (args.json) {
      printJson(wallets);
      return;
    }
    if (wallets.length === 0) print(`No wallets in ${path}.`);
    else
      printTable(
        ["wallet", "key", "address", "stored"],
        wallets.flatMap(({ name, coldkey, hotkeys }) => [
          [name, "coldkey", coldkey.address ?? "–", storedText(coldkey)],
          ...hotkeys.map((hotkey) => [name, `hotkey ${hotkey.name}`, hotkey.address ?? "–", storedText(hotkey)]),
        ]),
      );
  },
});
