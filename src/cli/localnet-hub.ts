/** `finetune localnet hub`: the local hub alone. */
import { OperatorError } from "../base/errors.ts";
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";
import { integer, repeated } from "./values.ts";

export default command({
  summary: "run a local hub alone: the part of the Hugging Face Hub that model clients use",
  examples: [
    { line: "localnet hub --dir hub", explains: "a hub on any free port, with its files under hub/" },
    {
      line: "localnet hub --dir hub --port 8080 --fault http-429=0.1,cut=0.05",
      explains: "a hub that often fails, to test clients against",
    },
  ],
  outlivesReaders: true,
  args: {
    dir: { type: "string", valueHint: "DIR", description: "where everything is kept", default: "localnet/hub" },
    port: { type: "string", valueHint: "N", description: "0: any free port", default: "0" },
    account: {
      type: "string",
      valueHint: "NAME[=hf_TOKEN]",
      description: "an account that must exist; may be given several times; a token not given is drawn once [local]",
    },
    "regular-bytes-max": {
      type: "string",
      valueHint: "N",
      description: "files up to this size are committed inline, larger ones go through LFS",
      default: String(16 * 2 ** 20),
    },
    "part-bytes": {
      type: "string",
      valueHint: "N",
      description: "LFS files larger than this are uploaded in parts of this size",
      default: String(64 * 2 ** 20),
    },
    "quota-bytes": { type: "string", valueHint: "N", description: "what an account may store [no limit]" },
    fault: {
      type: "string",
      valueHint: "NAME=P,…",
      description:
        "go wrong with a probability per request: http-429, http-500 …, cut, wrong-bytes, oversize, hang, cut-upload",
    },
    seed: { type: "string", valueHint: "N", description: "seed of the faults", default: "0" },
    json: { type: "boolean", description: "print one JSON document when ready" },
    child: { type: "boolean", description: "end when standard input ends" },
  },
  async run(args, rawArgs) {
    const { parseFaults } = await import("../localnet/hub/faults.ts");
    const { startHub } = await import("../localnet/hub/server.ts");
    const { serve } = await import("../localnet/serving.ts");
    const faults = parseFaults(args.fault ?? "");
    if (faults === null)
      throw new OperatorError(
        `--fault ${args.fault} cannot be understood.`,
        "Give NAME=PROBABILITY pairs, such as --fault http-429=0.1,cut=0.05.",
      );
    const accounts = repeated(rawArgs, "account").map(accountOf);
    const bytes = (flag: "regular-bytes-max" | "part-bytes", min: number) =>
      integer(args[flag], { flag, min, max: Number.MAX_SAFE_INTEGER });
    const hub = await startHub({
      folder: args.dir,
      port: integer(args.port, { flag: "port", min: 0, max: 65_535 }),
      accounts: accounts.length > 0 ? accounts : [{ name: "local" }],
      regularBytesMax: bytes("regular-bytes-max", 0),
      partBytes: bytes("part-bytes", 1),
      ...(args["quota-bytes"] === undefined
        ? {}
        : { quotaBytes: integer(args["quota-bytes"], { flag: "quota-bytes", min: 0 }) }),
      faults,
      seed: integer(args.seed, { flag: "seed", min: 0 }),
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE")
        throw new OperatorError(`Port ${args.port} is taken.`, "Give another --port, or 0 for any free one.");
      throw new OperatorError(
        `The hub cannot start in ${args.dir}: ${error.message}.`,
        "Give a folder that can be written.",
      );
    });
    const announce = () => {
      if (args.json) printJson({ url: hub.url, accounts: hub.accounts });
      else {
        print(`The hub listens on ${hub.url}.`);
        for (const { name, token } of hub.accounts) print(`Account ${name}: HF_TOKEN=${token}`);
        print(`For Python clients: HF_ENDPOINT=${hub.url} HF_HUB_DISABLE_XET=1`);
      }
    };
    await serve({ child: args.child === true, announce, close: hub.close });
  },
});

function accountOf(text: string): { readonly name: string; readonly token?: string } {
  const [name = "", token] = text.split("=", 2);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/.test(name) || (token !== undefined && !token.startsWith("hf_")))
    throw new OperatorError(`--account ${text} is not a name and a token.`, "Give NAME or NAME=hf_TOKEN.");
  return token === undefined ? { name } : { name, token };
}
