import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkChain } from "./chain.ts";

const shared = join(import.meta.dir, "..", "..", "..", "shared");

test.skipIf(!existsSync(join(shared, "chain", "metadata")))(
  "everything that the client reads and calls is right in three runtimes (skipped where ../shared/chain is absent)",
  async () => {
    const { cases, problems } = await checkChain(shared);
    expect(problems).toEqual([]);
    expect(cases).toBeGreaterThan(200);
  },
);
