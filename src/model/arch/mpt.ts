/** MPT: ALiBi with slopes of its own for head counts that are no power of two, no biases, clipped projections, tied. */
import type { Architecture } from "../architecture.ts";
import { alibiBias } from "../attention.ts";
import { refuseForeign, withoutEffect } from "../config.ts";
import { activations, clip, divide, embedding, head, layerNorm, linear, mlp, preNormLayer, split } from "../parts.ts";
import { layersMax } from "../sizes.ts";

export const mpt: Architecture = {
  className: "MptForCausalLM",
  modelType: "mpt",
  prefix: "transformer.",
  read(config) {
    const vocabulary = config.integer("vocab_size");
    const hidden = config.integer("d_model");
    const layers = config.integer("n_layers", undefined, { max: layersMax });
    const heads = config.integer("n_heads");
    const headSize = divide(config, hidden, heads, "d_model and n_heads");
    const contextTokens = config.integer("max_seq_len", 2048);
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const tied = config.flag("tie_word_embeddings", true);
    // The class is fixed to these; other values would be passed over by it in silence.
    config.only("expansion_ratio", 4);
    config.only("no_bias", true);
    config.only("norm_type", "low_precision_layernorm");
    config.only("embedding_fraction", 1);
    config.only("logit_scale");
    config.ignore("learned_pos_emb", "init_device", "init_config", "emb_pdrop", "verbose", "ffn_config", "fc_type");
    config.ignore("use_pad_tok_in_ffn");

    const attention = config.object("attn_config");
    attention?.ignore(...withoutEffect, "attn_impl", "alibi_bias_max", "attn_uses_sequence_id");
    if (attention !== undefined) refuseForeign(attention);
    attention?.only("alibi", true);
    attention?.only("alibi_bias_max", 8);
    attention?.only("attn_type", "multihead_attention");
    attention?.only("prefix_lm", false);
    attention?.only("qk_ln", false);
    attention?.only("rope", false);
    // 0 switches clipping off, as null does.
    const limit = attention?.number("clip_qkv", 0, { min: 0 }) ?? 0;
    const scale = attention?.number("softmax_scale", headSize ** -0.5, { above: 0 }) ?? headSize ** -0.5;

    return {
      vocabulary,
      contextTokens,
      // The class's table of biases has as many rows.
      positionsMax: contextTokens,
      layers,
      width: hidden,
      ropes: {},
      embed: (b) => embedding(b, "transformer.wte", vocabulary, hidden),
      layer(b, x, index) {
        const at = `transformer.blocks.${index}`;
        const norm = (name: string) => (y: typeof x) => layerNorm(b, y, `${at}.${name}`, { epsilon, bias: false });
        return preNormLayer(x, {
          norms: [norm("norm_1"), norm("norm_2")],
          attend(y) {
            const projected = linear(b, y, `${at}.attn.Wqkv`, 3 * hidden);
            const fused = limit === 0 ? projected : clip(projected, limit);
            const [query, key, value] = split(fused, hidden, hidden, hidden);
            const scoreBias = alibiBias(b, mptSlopes(heads));
            const options = { layer: index, heads, kvHeads: heads, headSize, scale, scoreBias };
            return linear(b, b.attention(query, key, value, options), `${at}.attn.out_proj`, hidden);
          },
          feed(y) {
            const options = { size: 4 * hidden, activation: activations.gelu!, bias: false };
            return mlp(b, y, { up: `${at}.ffn.up_proj`, down: `${at}.ffn.down_proj` }, options);
          },
        });
      },
      finish: (b, x) => layerNorm(b, x, "transformer.norm_f", { epsilon, bias: false }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "transformer.wte" }),
    };
  },
};

/** Slopes of the next higher power of two; of those the second, fourth, … first, then the first, third, …. */
function mptSlopes(heads: number): readonly number[] {
  const higher = 2 ** Math.ceil(Math.log2(heads));
  const slopes = Array.from({ length: higher }, (_, head) => 1 / 2 ** (((head + 1) * 8) / higher));
  if (higher === heads) return slopes;
  const [even, odd] = [slopes.filter((_, head) => head % 2 === 0), slopes.filter((_, head) => head % 2 === 1)];
  return [...odd, ...even].slice(0, heads);
}
