/** `finetune wallet`: the keys that own and sign, in the ecosystem's folders. */
import { group } from "./command.ts";

export default group("Create, read and use wallets.", {
  create: { summary: "make a new coldkey and hotkey", load: () => import("./wallet-create.ts") },
  list: { summary: "list wallets and their addresses", load: () => import("./wallet-list.ts") },
  show: { summary: "show one wallet's addresses and files, nothing secret", load: () => import("./wallet-show.ts") },
  regen: {
    summary: "restore a key from its phrase or seed",
    load: () => import("./wallet-regen.ts"),
  },
  sign: { summary: "sign a message with a key", load: () => import("./wallet-sign.ts") },
  verify: { summary: "check a message's signature", load: () => import("./wallet-verify.ts") },
});
