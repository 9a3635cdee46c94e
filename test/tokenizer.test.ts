/** A competition's own tokenizer: the commit that its main branch is, found once a round and kept, or the one that is named. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connectChain } from "../src/chain/client.ts";
import { commitFiles, createRepository } from "../src/hub/client.ts";
import { connectHub } from "../src/hub/connection.ts";
import { listRounds } from "../src/store/rounds.ts";
import { openStore } from "../src/store/store.ts";
import { documents, publishTiny, startTestSubnet, type TestSubnet, writeCompetitions } from "./subnet.ts";

const repo = "local/words";
let subnet: TestSubnet;
let genesisBlock: number;

beforeAll(async () => {
  subnet = await startTestSubnet(["first"]);
  await publishTiny(subnet, "first", 1n);
  const chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  genesisBlock = (await chain.head()).number + 4;
  chain.close();
  const created = await createRepository(hub(), { repo, private: false });
  expect(created.kind).toBe("ok");
}, 120_000);
afterAll(() => subnet.close());

const hub = () => connectHub({ url: subnet.localnet.hubUrl, token: subnet.localnet.token });

/** A new commit of the tokenizer's main branch; a different template makes it a different tokenizer. */
async function commitTokenizer(template: string): Promise<string> {
  const operations = [
    ["tokenizer.json", new Blob([readFileSync(join(subnet.dir, "model-first", "tokenizer.json"))])] as const,
    ["chat_template.jinja", new Blob([template])] as const,
  ].map(([path, content]) => ({ operation: "addOrUpdate" as const, path, content }));
  const committed = await commitFiles(hub(), { repo, title: "a tokenizer", operations });
  if (committed.kind !== "ok") throw new Error(committed.detail);
  return committed.value.revision;
}

function writeRules(tokenizerRevision?: string): void {
  writeCompetitions(subnet, (file) => ({
    ...file,
    sync: { genesisBlock, cadenceBlocks: 100_000 },
    schedule: file.schedule.map((period) => ({
      ...period,
      competitions: period.competitions.map((competition) => ({
        ...competition,
        constraints: {
          ...competition.constraints,
          tokenizer: repo,
          ...(tokenizerRevision === undefined ? {} : { tokenizerRevision }),
        },
      })),
    })),
  }));
}

async function usedBy(db: string) {
  const store = await openStore({ path: db, mode: "read" });
  try {
    const [round] = await listRounds(store);
    return { state: round!.state, revision: round!.tokenizer_revision };
  } finally {
    await store.close();
  }
}

const stateFile = (name: string) => join(subnet.dir, `${name}.sqlite`);
const roundArgs = (name: string) => [...subnet.validatorArgs(stateFile(name)), "--once", "--offline"];

test("each round measures with one commit of the tokenizer, stores which, and two states say where they differ", async () => {
  const first = await commitTokenizer("one");
  writeRules();
  expect(await subnet.finetune(roundArgs("early"))).toMatchObject({ code: 0 });
  expect(await usedBy(stateFile("early"))).toEqual({ state: "finished", revision: first });

  // Killed before it has measured; the branch moves on meanwhile.
  const child = subnet.spawn(roundArgs("resumed"));
  for await (const { kind } of documents(child.stdout)) if (kind === "drawn") child.kill("SIGKILL");
  await child.exited;
  const second = await commitTokenizer("two");
  expect(await subnet.finetune(roundArgs("resumed"))).toMatchObject({ code: 0 });
  expect(await usedBy(stateFile("resumed"))).toEqual({ state: "finished", revision: first });
  expect(await subnet.finetune(["rounds", "diff", stateFile("early"), stateFile("resumed")])).toMatchObject({
    code: 0,
  });

  expect(await subnet.finetune(roundArgs("late"))).toMatchObject({ code: 0 });
  expect(await usedBy(stateFile("late"))).toEqual({ state: "finished", revision: second });
  const compared = await subnet.finetune(["rounds", "diff", stateFile("early"), stateFile("late")]);
  expect(compared).toMatchObject({ code: 1, out: expect.stringContaining(`at commit ${first.slice(0, 12)} and`) });

  writeRules(first);
  expect(await subnet.finetune(roundArgs("named"))).toMatchObject({ code: 0 });
  expect(await usedBy(stateFile("named"))).toEqual({ state: "finished", revision: first });
}, 120_000);
