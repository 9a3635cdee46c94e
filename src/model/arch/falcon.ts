/**
 * Falcon in its three forms: the 7B kind (one key/value head, attention and MLP beside each other), the new decoder
 * (groups, one or two norms), and the RW kind (ALiBi, one half after the other).
 */
import { add, cast, constant, mul } from "../../graph/expression.ts";
import type { Node } from "../../graph/node.ts";
import type { Architecture } from "../architecture.ts";
import { alibiSlopes, splitByGroup } from "../attention.ts";
import type { Builder } from "../builder.ts";
import type { ConfigReader } from "../config.ts";
import { activations, divide, embedding, head, layerNorm, linear, mlp } from "../parts.ts";
import { type Rope, readRope } from "../rope.ts";
import { layersMax } from "../sizes.ts";

export const falcon: Architecture = {
  className: "FalconForCausalLM",
  modelType: "falcon",
  prefix: "transformer.",
  read(config) {
    const vocabulary = config.integer("vocab_size");
    const hidden = config.has("n_embed") ? config.integer("n_embed") : config.integer("hidden_size");
    config.ignore("hidden_size");
    const layers = config.integer("num_hidden_layers", undefined, { max: layersMax });
    const heads = config.integer("num_attention_heads");
    const headSize = divide(config, hidden, heads, "hidden_size and num_attention_heads");
    const { groups, parallel, norms } = readForm(config, heads);
    const contextTokens = config.integer("max_position_embeddings", 2048);
    const bias = config.flag("bias", false);
    const mlpOptions = {
      size: config.integer("ffn_hidden_size", 4 * hidden),
      activation: config.choice("activation", activations, "gelu"),
      bias,
    };
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const alibi = config.flag("alibi", false);
    const rope = readRope(config, { headSize, contextTokens, theta: 10_000 });
    // Left from the models' own code; the class does not read it.
    config.only("apply_residual_connection_post_layernorm", false);
    const ropes: Readonly<Record<string, Rope>> = alibi ? {} : { rope };
    const tied = config.flag("tie_word_embeddings", true);

    return {
      vocabulary,
      contextTokens,
      layers,
      width: hidden,
      ropes,
      embed: (b) => embedding(b, "transformer.word_embeddings", vocabulary, hidden),
      layer(b, x, index) {
        const at = `transformer.h.${index}`;
        const norm = (y: Node, name: string) => layerNorm(b, y, `${at}.${name}`, { epsilon });
        const input = norm(x, norms === 2 ? "ln_attn" : "input_layernorm");
        const fused = linear(b, input, `${at}.self_attention.query_key_value`, (heads + 2 * groups) * headSize, {
          bias,
        });
        const sizes = { heads, kvHeads: groups, headSize };
        const { query, key, value } = splitByGroup(fused, sizes);
        const place = alibi ? { scoreBias: roundedAlibi(b, heads, headSize) } : { rope: { name: "rope", rope } };
        const mixed = b.attention(query, key, value, { layer: index, ...sizes, ...place });
        const attended = linear(b, mixed, `${at}.self_attention.dense`, hidden, { bias });
        const half = add(x, attended);
        const fedInput = parallel ? (norms === 2 ? norm(x, "ln_mlp") : input) : norm(half, "post_attention_layernorm");
        const names = { up: `${at}.mlp.dense_h_to_4h`, down: `${at}.mlp.dense_4h_to_h` };
        return add(half, mlp(b, fedInput, names, mlpOptions));
      },
      finish: (b, x) => layerNorm(b, x, "transformer.ln_f", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "transformer.word_embeddings" }),
    };
  },
};

interface Form {
  readonly groups: number;
  /** Attention and MLP read the same input. */
  readonly parallel: boolean;
  /** Norms before a parallel layer. */
  readonly norms: 1 | 2;
}

function readForm(config: ConfigReader, heads: number): Form {
  const newDecoder = config.flag("new_decoder_architecture", false);
  const multiQuery = config.flag("multi_query", true);
  const parallel = config.flag("parallel_attn", true);
  const kvHeads = config.integer("num_kv_heads", heads);
  const norms = config.integer("num_ln_in_parallel_attn", newDecoder ? 2 : 1);
  if (newDecoder && !parallel) config.refuse("parallel_attn", "new_decoder_architecture is parallel");
  if (norms > 2 || (norms === 2 && !newDecoder)) config.refuse("num_ln_in_parallel_attn");
  if (newDecoder) divide(config, heads, kvHeads, "num_attention_heads and num_kv_heads");
  else if (!multiQuery && kvHeads !== heads) config.refuse("num_kv_heads", "it is the number of heads without groups");
  // Without the new decoder, multi_query means one head whatever num_kv_heads says.
  const groups = newDecoder || !multiQuery ? kvHeads : 1;
  return { groups, parallel, norms: norms === 2 ? 2 : 1 };
}

/** ALiBi as Falcon was trained: slopes, positions and their products rounded to bfloat16, scaled like the scores. */
function roundedAlibi(b: Builder, heads: number, headSize: number): Node {
  const rounded = (x: Node) => cast(cast(x, "bf16"), "f32");
  const slopes = constant(alibiSlopes(heads), [1, heads, 1, 1]);
  const bias = mul(rounded(mul(rounded(slopes), rounded(b.keyPositions))), 1 / Math.sqrt(headSize));
  // The kernel wants a row for every query; all rows are the same.
  return add(bias, mul(b.queryPositions, 0));
}
