/** `finetune mine merge`: a model and its adapter as one model, which anybody can load and validators can measure. */
import { mergeAdapter } from "../miner/merging.ts";
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";
import { dtypeArg, dtypeOf } from "./training-args.ts";

export default command({
  summary: "merge an adapter, as PEFT or `mine train` writes it, into its base",
  examples: [
    {
      line: "mine merge --base ./base --adapter ./mine.adapter --out ./merged --dtype f32",
      explains: "the base with the adapter added, in single precision",
    },
  ],
  args: {
    base: { type: "string", valueHint: "DIR", required: true, description: "the model that the adapter is of" },
    adapter: {
      type: "string",
      valueHint: "DIR",
      required: true,
      description: "the folder of adapter_config.json and adapter_model.safetensors",
    },
    out: { type: "string", valueHint: "DIR", required: true, description: "where the merged model is written" },
    dtype: dtypeArg,
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run({ base, adapter, out, dtype, json }) {
    const merged = await mergeAdapter({ base, adapter, out, dtype: dtypeOf(dtype) });
    if (json) printJson({ out, ...merged });
    else print(`${out}: ${merged.modules} adapters are merged.`);
  },
});
