/** `finetune worker`: a model in a process of its own; the program calls itself with it. */
import { command } from "./command.ts";

export default command({
  summary: "serve one model over stdin and stdout (the program starts this itself)",
  examples: [{ line: "worker", explains: "answers JSON lines on stdin until it ends" }],
  args: {},
  async run() {
    const { serve } = await import("../eval/worker.ts");
    await serve();
  },
});
