/** `finetune weights …`: what validators say about miners, as the chain has it. */
import { group } from "./command.ts";

export default group("weights on the chain: show, submit, reveal, history", {
  show: { summary: "the weights that a neuron has set", load: () => import("./weights-show.ts") },
  submit: { summary: "set weights by hand", load: () => import("./weights-submit.ts") },
  reveal: { summary: "reveal a hash commit", load: () => import("./weights-reveal.ts") },
  history: {
    summary: "what this validator has submitted, and the answers",
    load: () => import("./weights-history.ts"),
  },
});
