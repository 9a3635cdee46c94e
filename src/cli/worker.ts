/** `finetune worker`: work on a stranger's files in a process of its own; the program calls itself with it. */
import { OperatorError } from "../base/errors.ts";
import { command } from "./command.ts";

export default command({
  summary: "serve one model, or decode rows, over stdin and stdout (the program starts this itself)",
  examples: [{ line: "worker", explains: "answers JSON lines on stdin until it ends" }],
  args: {
    what: { type: "positional", required: false, default: "model", description: "model or rows", valueHint: "WHAT" },
  },
  async run({ what }) {
    if (what === "rows") {
      const { serveRows } = await import("../data/parquet/row-worker.ts");
      await serveRows();
    }
    if (what !== "model") throw new OperatorError(`There is no worker for ${what}.`, "Give model or rows.");
    const { serve } = await import("../eval/worker.ts");
    await serve();
  },
});
