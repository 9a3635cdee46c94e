/** `finetune wallet show`: one wallet's addresses and files. */
import { describeKey, openWallet } from "../chain/wallet.ts";
import { command } from "./command.ts";
import { printJson, printTable } from "./output.ts";
import { locationArgs, locationOf, storedText } from "./wallet-location.ts";

export default command({
  summary: "show one wallet's addresses and files, nothing secret",
  examples: [
    {
      line: "wallet show --wallet.name alice --wallet.hotkey first",
      explains: "addresses, files, how they are stored",
    },
  ],
  args: { ...locationArgs, json: { type: "boolean", description: "print one JSON document" } },
  run: async (args) => {
    const location = locationOf(args);
    await openWallet(location);
    const keys = [
      { key: "coldkey", ...(await describeKey(location, "coldkey")) },
      { key: "hotkey", ...(await describeKey(location, "hotkey")) },
    ];
    if (args.json) printJson({ name: location.name, hotkey: location.hotkey, keys });
    else
      printTable(
        ["key", "address", "stored", "file"],
        keys.map((key) => [key.key, key.address ?? "–", storedText(key), key.path]),
      );
  },
});
