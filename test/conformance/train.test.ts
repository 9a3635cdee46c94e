/** Training against another autograd and optimiser: one small model always, all of them where the golden folder is. */

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkTrain } from "./train.ts";

test("losses, gradients, AdamW, adapters and the merged model agree with PyTorch and PEFT", async () => {
  const { cases, problems } = await checkTrain(join(import.meta.dir, "../fixtures/train-vectors"));
  expect({ cases, problems }).toEqual({ cases: 1, problems: [] });
}, 30_000);

const golden = join(import.meta.dir, "../../../shared/golden");
test.skipIf(!existsSync(golden))(
  "the same for every golden model",
  async () => {
    expect((await checkTrain(golden)).problems).toEqual([]);
  },
  120_000,
);
