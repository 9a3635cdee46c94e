/** The commands on models as a person calls them: what is refused, how, and what a text is worth. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../base/self.ts";
import { narrow, writeSafetensors } from "../model/safetensors-writer.ts";

const root = mkdtempSync(join(tmpdir(), "model-commands-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

async function run(...args: readonly string[]) {
  const child = Bun.spawn([...selfCommand(...args)], { stdout: "pipe", stderr: "pipe", stdin: "ignore" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

const [hidden, middle, vocabulary] = [8, 16, 904];
const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: hidden,
  intermediate_size: middle,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  num_key_value_heads: 1,
  vocab_size: vocabulary,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: "silu",
  tie_word_embeddings: true,
  torch_dtype: "float32",
};
const shapes: Readonly<Record<string, readonly number[]>> = {
  "model.embed_tokens.weight": [vocabulary, hidden],
  "model.layers.0.input_layernorm.weight": [hidden],
  "model.layers.0.mlp.down_proj.weight": [hidden, middle],
  "model.layers.0.mlp.gate_proj.weight": [middle, hidden],
  "model.layers.0.mlp.up_proj.weight": [middle, hidden],
  "model.layers.0.post_attention_layernorm.weight": [hidden],
  "model.layers.0.self_attn.k_proj.weight": [hidden, hidden],
  "model.layers.0.self_attn.o_proj.weight": [hidden, hidden],
  "model.layers.0.self_attn.q_proj.weight": [hidden, hidden],
  "model.layers.0.self_attn.v_proj.weight": [hidden, hidden],
  "model.norm.weight": [hidden],
};

/** A model that knows nothing: with all parameters zero every token of the vocabulary is equally likely. */
async function makeModel(parameter = 0): Promise<string> {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const tokenizers = join(import.meta.dir, "..", "..", "test", "fixtures", "text", "tokenizers");
  writeFileSync(join(folder, "tokenizer.json"), readFileSync(join(tokenizers, "gpt2", "tokenizer.json")));
  writeFileSync(
    join(folder, "chat_template.jinja"),
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}",
  );
  await writeSafetensors(
    join(folder, "model.safetensors"),
    Object.entries(shapes).map(([name, shape]) => {
      const values = new Float32Array(shape.reduce((size, side) => size * side, 1)).fill(parameter);
      return { name, dtype: "F32", shape, bytes: () => narrow(values, "F32") };
    }),
  );
  return folder;
}

describe("inspect", () => {
  test("tells what a model is, and what a competition says to it", async () => {
    const folder = await makeModel();
    const { code, stdout } = await run("inspect", folder, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      architecture: "LlamaForCausalLM",
      parameters: Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((size, side) => size * side, 1), 0),
      dtype: "F32",
      contextTokens: 64,
      tokenizer: { chatTemplate: true },
      verdict: "valid",
      reasons: [],
    });
    expect(code).toBe(0);
    const judged = await run("inspect", folder, "--competition", "4", "--parameters", "--json");
    expect(JSON.parse(judged.stdout)).toMatchObject({
      verdict: "invalid",
      reasons: [expect.stringMatching(/^parameters: \d+ \(allowed: 3200000000 to 3400000000\)$/)],
    });
    expect(judged.code).toBe(1);
  });

  test("counts what is not finite, by tensor", async () => {
    const { code, stdout } = await run("inspect", await makeModel(Number.NaN), "--parameters", "--json");
    expect(JSON.parse(stdout).reasons).toEqual([expect.stringContaining("model.embed_tokens.weight (7232)")]);
    expect(code).toBe(1);
  });
});

describe("what is no model is refused in a line", () => {
  const makers: [string, (folder: string) => void][] = [
    ["a FIFO for a config", (folder) => Bun.spawnSync(["mkfifo", join(folder, "config.json")])],
    ["a link to an endless device for a config", (folder) => symlinkSync("/dev/zero", join(folder, "config.json"))],
    ["a link that leads to itself", (folder) => symlinkSync("config.json", join(folder, "config.json"))],
    ["a folder for parameters", (folder) => mkdirSync(join(folder, "model.safetensors"))],
    [
      "a header of 2^63 bytes",
      (folder) => writeFileSync(join(folder, "model.safetensors"), new Uint8Array(8).fill(0x7f)),
    ],
    ["a config that is none", (folder) => writeFileSync(join(folder, "config.json"), "\u001b[31m{")],
  ];
  for (const [name, make] of makers) {
    for (const command of [["inspect"], ["score", "--tokens", join(root, "ids.json")], ["generate", "--prompt", "x"]]) {
      test(`${command[0]}: ${name}`, async () => {
        writeFileSync(join(root, "ids.json"), "[[1,2]]");
        const folder = await makeModel();
        const taken = name.includes("parameters") || name.includes("header") ? "model.safetensors" : "config.json";
        rmSync(join(folder, taken));
        make(folder);
        const { code, stderr } = await run(command[0]!, folder, ...command.slice(1));
        expect(code).toBe(1);
        expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
        expect(stderr).toMatch(/^(file-(not-regular|link-refused)|header-too-large|json-malformed): /);
        expect(stderr).not.toMatch(/\u001b| at .*:\d+/);
      });
    }
  }

  test("a name that is neither a folder nor a repository", async () => {
    const { code, stderr } = await run("score", "/nowhere/at/all", "--tokens", "x");
    expect(stderr).toContain("neither a folder nor the name of a model");
    expect(code).toBe(2);
  });

  test("a tokenizer that is none", async () => {
    const folder = await makeModel();
    writeFileSync(join(folder, "tokenizer.json"), "{}");
    const { code, stderr } = await run("generate", folder, "--prompt", "x");
    expect(stderr).toContain("tokenizer-malformed");
    expect(code).toBe(1);
  });
});

describe("score and generate", () => {
  test("refuse a model that holds a NaN anywhere, by the tensor's name", async () => {
    const folder = await makeModel();
    const path = join(folder, "model.safetensors");
    const bytes = readFileSync(path);
    // The last value of the last tensor.
    bytes.set(new Uint8Array(new Float32Array([Number.NaN]).buffer), bytes.length - 4);
    writeFileSync(path, bytes);
    const ids = join(root, "ids.json");
    writeFileSync(ids, "[[1,2]]");
    for (const command of ["score", "generate"]) {
      const { code, stderr } = await run(command, folder, "--tokens", ids);
      expect(stderr).toMatch(/^parameters-not-finite: tensor model\.\S+ has 1 elements that are NaN or infinite\n$/);
      expect(code).toBe(1);
    }
  });

  test.each(["--tokens", "--text"])("%s: a pipe without a writer and an endless device are not read", async (flag) => {
    const folder = await makeModel();
    const pipe = join(folder, "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    for (const path of [pipe, "/dev/zero"]) {
      const { code, stderr } = await run("score", folder, flag, path);
      expect(stderr).toStartWith(`${path} cannot be read: it is not a plain file`);
      expect(code).toBe(2);
    }
  });
});

test.skipIf(process.platform !== "linux").each([
  ["score", "--tokens", [Array.from({ length: 500_000 }, (_, index) => index % vocabulary)]],
  ["generate", "--ignore-eos", "--max-new-tokens", "1000000", "--tokens", [[1], [2]]],
] as const)("Ctrl-C ends %s without a word", async (command, ...flags) => {
  const tokens = join(root, `${command}.json`);
  writeFileSync(tokens, JSON.stringify(flags.at(-1)));
  const args = [command, await makeModel(), ...(flags.slice(0, -1) as string[]), tokens];
  const child = Bun.spawn([...selfCommand(...args)], { stdout: "ignore", stderr: "pipe", stdin: "ignore" });
  while (!catchesInterrupt(child.pid)) await Bun.sleep(20);
  // Into the work, on most machines; before it the same must hold.
  await Bun.sleep(1000);
  child.kill("SIGINT");
  expect({ code: await child.exited, stderr: await new Response(child.stderr).text() }).toEqual({
    code: 130,
    stderr: "",
  });
});

/** The second lowest bit of the mask of signals that have a handler is SIGINT's. */
function catchesInterrupt(pid: number): boolean {
  const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (BigInt(`0x${mask}`) & 2n) !== 0n;
}

describe("score --text", () => {
  test("of a model that knows nothing is the logarithm of its vocabulary", async () => {
    const folder = await makeModel();
    const file = join(root, "text.txt");
    const text = "Hello, world! ".repeat(20);
    writeFileSync(file, text);
    const { stdout } = await run("score", folder, "--text", file, "--json");
    const result = JSON.parse(stdout);
    expect(result.lossNatsMean).toBeCloseTo(Math.log(vocabulary), 5);
    expect(result.perplexity).toBeCloseTo(vocabulary, 1);
    // Longer than the context of 64: windows, of which each one's first token has nothing to be predicted from.
    expect(result.sequences.map((sequence: { tokens: number }) => sequence.tokens).slice(0, -1)).toEqual(
      new Array(result.sequences.length - 1).fill(64),
    );
    const scored = result.tokens - result.sequences.length;
    expect(result.bitsPerByte).toBeCloseTo((scored * Math.log2(vocabulary)) / text.length, 5);
  });

  test("reads texts, conversations, and prompts with completions", async () => {
    const folder = await makeModel();
    const file = join(root, "entries.jsonl");
    const entries = [
      { text: "Hello" },
      { messages: [{ role: "user", content: "Hi" }] },
      { prompt: "Hello", completion: "Hello" },
    ];
    writeFileSync(file, entries.map((entry) => JSON.stringify(entry)).join("\n"));
    const { stdout } = await run("score", folder, "--text", file, "--json");
    const { sequences } = JSON.parse(stdout) as { sequences: { tokens: number; nll: number[] }[] };
    const [text, conversation, completed] = sequences;
    // "Hello" is three tokens; "[user] Hi\n" is more than its content.
    expect([text!.tokens, text!.nll.length]).toEqual([3, 2]);
    expect(conversation!.tokens).toBeGreaterThan(5);
    expect([completed!.tokens, completed!.nll.length]).toEqual([6, 3]);
  });

  test("names the line that is none of these", async () => {
    const file = join(root, "bad.jsonl");
    writeFileSync(file, '{"text":"a"}\n{"texts":"b"}\n');
    const { code, stderr } = await run("score", await makeModel(), "--text", file);
    expect(stderr).toContain("line 2: neither a text");
    expect(code).toBe(2);
  });
});

test("generate --chat says that there is no template before it is asked anything", async () => {
  const folder = await makeModel();
  rmSync(join(folder, "chat_template.jinja"));
  // Standard input ends at once: no question is ever read.
  const { code, stderr } = await run("generate", folder, "--chat");
  expect(stderr).toBe("template-missing: the tokenizer has no chat template\n");
  expect(code).toBe(1);
});

describe("generate --prompt", () => {
  test("prints the text of the new tokens, control characters replaced", async () => {
    // With equal logits the lowest id is taken: 0 is the end of text, which is not shown.
    const folder = await makeModel();
    const { stdout, code } = await run("generate", folder, "--prompt", "Hello", "--max-new-tokens", "3", "--json");
    expect(JSON.parse(stdout).sequences).toEqual([{ prompt: [40, 507, 312], tokens: [0, 0, 0], text: "" }]);
    expect(code).toBe(0);
  });
});
