/**
 * The model that every miner of the demonstration starts from: a Llama small enough to learn arithmetic in seconds, with
 * a byte-level tokenizer, written as the folder of files that any miner would find on a hub.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../../base/random.ts";
import { narrow, type TensorToWrite, writeSafetensors } from "../../model/safetensors-writer.ts";

const specials = ["<pad>", "<s>", "</s>"];
const sizes = { hidden: 64, intermediate: 160, layers: 2, heads: 4, kvHeads: 2, headSize: 16, context: 128 };
const vocabulary = 256 + specials.length;
/** The spread that Llama's own initialisation uses. */
const deviation = 0.02;

/** Writes config.json, tokenizer.json and the rest, and parameters drawn from `seed`. */
export async function writeBaseModel(folder: string, seed: bigint): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files = {
    "config.json": config,
    "generation_config.json": { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 },
    "tokenizer.json": byteTokenizer(),
    "tokenizer_config.json": {
      bos_token: "<s>",
      eos_token: "</s>",
      pad_token: "<pad>",
      model_max_length: sizes.context,
    },
  };
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
  const random = new Random(seed);
  await writeSafetensors(join(folder, "model.safetensors"), tensors(random));
}

const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: vocabulary,
  hidden_size: sizes.hidden,
  intermediate_size: sizes.intermediate,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  num_key_value_heads: sizes.kvHeads,
  head_dim: sizes.headSize,
  max_position_embeddings: sizes.context,
  rope_theta: 10000,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  tie_word_embeddings: false,
  pad_token_id: 0,
  bos_token_id: 1,
  eos_token_id: 2,
  torch_dtype: "bfloat16",
};

function tensors(random: Random): TensorToWrite[] {
  const { hidden, intermediate, layers, heads, kvHeads, headSize } = sizes;
  const matrix = (name: string, ...shape: number[]) => tensor(name, shape, () => random.normal(0, deviation));
  const norm = (name: string) => tensor(name, [hidden], () => 1);
  const layer = (at: string) => [
    norm(`${at}.input_layernorm.weight`),
    matrix(`${at}.self_attn.q_proj.weight`, heads * headSize, hidden),
    matrix(`${at}.self_attn.k_proj.weight`, kvHeads * headSize, hidden),
    matrix(`${at}.self_attn.v_proj.weight`, kvHeads * headSize, hidden),
    matrix(`${at}.self_attn.o_proj.weight`, hidden, heads * headSize),
    norm(`${at}.post_attention_layernorm.weight`),
    matrix(`${at}.mlp.gate_proj.weight`, intermediate, hidden),
    matrix(`${at}.mlp.up_proj.weight`, intermediate, hidden),
    matrix(`${at}.mlp.down_proj.weight`, hidden, intermediate),
  ];
  return [
    matrix("model.embed_tokens.weight", vocabulary, hidden),
    ...Array.from({ length: layers }, (_, index) => layer(`model.layers.${index}`)).flat(),
    norm("model.norm.weight"),
    matrix("lm_head.weight", vocabulary, hidden),
  ];
}

function tensor(name: string, shape: readonly number[], draw: () => number): TensorToWrite {
  const values = Float32Array.from({ length: shape.reduce((size, side) => size * side, 1) }, draw);
  return { name, dtype: "BF16", shape, bytes: () => narrow(values, "BF16") };
}

/** A tokenizer of Hugging Face's format whose tokens are the 256 bytes, spelt as GPT-2 spells them. */
function byteTokenizer(): object {
  const vocab = Object.fromEntries([...specials, ...byteSpellings()].map((token, id) => [token, id]));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: [],
    },
  };
}

/** Printable bytes stand for themselves, the others for the characters from U+0100 on, in order. */
function byteSpellings(): string[] {
  let next = 0x100;
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}
