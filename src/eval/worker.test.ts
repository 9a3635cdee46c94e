/** The real worker: `finetune worker` on the files of strangers. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { startModelChild } from "./child.ts";
import type { TextItem } from "./protocol.ts";

const root = mkdtempSync(join(tmpdir(), "worker-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const golden = join(import.meta.dir, "..", "..", "test", "fixtures", "text", "tokenizers");
const now = "2025-03-09T14:05:07";
let folders = 0;

function tokenizerFolder(tokenizer: string | Uint8Array, template?: string): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  writeFileSync(join(folder, "tokenizer.json"), tokenizer);
  if (template !== undefined) writeFileSync(join(folder, "chat_template.jinja"), template);
  return folder;
}
const tokenizerJson = (name: string) => readFileSync(join(golden, name, "tokenizer.json"), "utf8");
const chat: TextItem = { kind: "chat", messages: [{ role: "user", content: "Hi" }], addGenerationPrompt: true };
/** 10^15 passes: no machine ends this. */
const endless = "{% for a in range(100000) %}".repeat(3) + "{% endfor %}".repeat(3);

describe("finetune worker", () => {
  test("tokenises, renders and decodes; what one item lacks costs that item", async () => {
    const child = startModelChild({
      folder: tokenizerFolder(tokenizerJson("gpt2"), "{{ messages[0].content }}{{ strftime_now('%Y') }}"),
    });
    const items: TextItem[] = [
      { kind: "text", text: "Hello, world!", addSpecialTokens: true },
      chat,
      { ...chat, messages: [] },
    ];
    const encoded = await child.encode(items, { now });
    if (encoded.kind !== "done") throw new Error(encoded.detail);
    expect(encoded.results[0]).toMatchObject({ kind: "ids", ids: [40, 507, 312, 12, 307, 270, 76, 68, 1] });
    expect(encoded.results[1]).toMatchObject({ kind: "ids", text: "Hi2025" });
    expect(encoded.results[2]).toMatchObject({ kind: "failed", reason: "template-failed" });
    expect(await child.decode([{ ids: [40, 507, 312], skipSpecialTokens: true }])).toEqual({
      kind: "done",
      results: [{ kind: "text", text: "Hello" }],
    });
    expect(await child.describe()).toMatchObject({ kind: "invalid", reason: "file-missing" });
    await child.close();
  });

  test("waits for a parent that is slow to read", async () => {
    const child = startModelChild({ folder: tokenizerFolder(tokenizerJson("gpt2")) });
    await child.encode([{ kind: "text", text: "", addSpecialTokens: false }], { now });
    // Far more than a pipe holds.
    const text = "Hello, world! ".repeat(30_000);
    const outcome = child.encode([{ kind: "text", text, addSpecialTokens: false }], { now });
    Bun.sleepSync(700);
    expect(await outcome).toMatchObject({ kind: "done", results: [{ kind: "ids", text }] });
    await child.close();
  });

  test("a template that never ends costs its model its score and nothing else", async () => {
    const folder = tokenizerFolder(tokenizerJson("gpt2"), endless);
    const child = startModelChild({ folder, limits: { silenceSecondsMax: 2 } });
    expect(await child.encode([chat], { now })).toMatchObject({ kind: "failed", reason: "timed-out" });
    await child.close();
  });

  test("a tokenizer's expression that never ends, too", async () => {
    const json = JSON.parse(tokenizerJson("gpt2"));
    json.pre_tokenizer = { type: "Split", pattern: { Regex: "(x+x+)+y" }, behavior: "Isolated", invert: false };
    const child = startModelChild({ folder: tokenizerFolder(JSON.stringify(json)), limits: { silenceSecondsMax: 2 } });
    const text = `${"x".repeat(60)}z`;
    const outcome = await child.encode([{ kind: "text", text, addSpecialTokens: false }], { now });
    // The library's engine gives up by itself on some such expressions; it must not do anything else.
    const kinds = outcome.kind === "done" ? outcome.results.map((result) => result.kind) : [outcome.kind];
    expect(["failed", "ids"]).toContain(kinds[0]!);
    await child.close();
  });

  test("damaged tokenizers are refused or used, and nothing else happens", async () => {
    const damage = fc.tuple(fc.nat(), fc.nat(20), fc.string({ maxLength: 3 }));
    const texts: TextItem[] = ["Hello <|endoftext|> 123", "é👩‍👧 \n\t", ""].flatMap((text) => [
      { kind: "text", text, addSpecialTokens: true },
      { kind: "text", text, addSpecialTokens: false, parseSpecialTokens: false },
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("gpt2", "llama3", "unigram", "wordpiece"),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        async (name, damages) => {
          let json = tokenizerJson(name);
          for (const [at, removed, inserted] of damages) {
            const place = at % json.length;
            json = json.slice(0, place) + inserted + json.slice(place + removed);
          }
          const child = startModelChild({ folder: tokenizerFolder(json), limits: { silenceSecondsMax: 30 } });
          const outcome = await child.encode(texts, { now });
          await child.close();
          expect(outcome.kind === "invalid" ? outcome.reason : outcome.kind).toMatch(
            /^(done|tokenizer-malformed|text-malformed)$/,
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  test("ends with its parent while it computes", async () => {
    // The parent starts the real worker with work that never ends, tells its process id, and is killed.
    const folder = tokenizerFolder(tokenizerJson("gpt2"), endless);
    const lines = [
      { kind: "start", folder, links: "refuse" },
      { kind: "describe" },
      { kind: "encode", items: [chat], now },
    ];
    const script = join(root, "parent.ts");
    writeFileSync(
      script,
      `import { selfCommand } from ${JSON.stringify(join(import.meta.dir, "..", "base", "self.ts"))};
       const child = Bun.spawn(selfCommand("worker"), { stdin: "pipe", stdout: "inherit" });
       child.stdin.write(${JSON.stringify(`${lines.map((line) => JSON.stringify(line)).join("\n")}\n`)});
       child.stdin.flush();
       console.error(child.pid);
       await Bun.sleep(600000);`,
    );
    const parent = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "pipe" });
    // The first answer comes through the stdout that parent and worker share: the worker is at its endless work now.
    const { value: line } = await parent.stdout.getReader().read();
    expect(new TextDecoder().decode(line)).toContain('"invalid"');
    const { value: pid } = await parent.stderr.getReader().read();
    parent.kill("SIGKILL");
    await parent.exited;
    await gone(Number(new TextDecoder().decode(pid)));
  });
});

/** Returns when there is no such process; the test's own limit is the timeout. A zombie of a lost parent is none. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    const state = await Bun.file(`/proc/${pid}/stat`)
      .text()
      .catch(() => undefined);
    if (state === undefined || / Z /.test(state)) return;
    await Bun.sleep(20);
  }
}
