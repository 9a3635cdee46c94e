/** GPT-NeoX and Pythia: fused projections head by head, a quarter of every head rotated, a parallel residual. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { splitByGroup } from "../attention.ts";
import { activations, embedding, head, layerNorm, linear, mlp } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const gptNeox: Architecture = {
  className: "GPTNeoXForCausalLM",
  modelType: "gpt_neox",
  prefix: "gpt_neox.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const { vocabulary, hidden, contextTokens, heads, headSize } = sizes;
    const mlpOptions = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "gelu"),
      bias: true,
    };
    const epsilon = config.number("layer_norm_eps", 1e-5, { min: 0 });
    const keys = { theta: "rotary_emb_base", partial: "rotary_pct" };
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 0.25, keys });
    const bias = config.flag("attention_bias", true);
    const parallel = config.flag("use_parallel_residual", true);
    const tied = config.flag("tie_word_embeddings", false);
    config.ignore("is_decoder");

    return {
      vocabulary,
      contextTokens,
      layers: sizes.layers,
      width: hidden,
      ropes: { rope },
      embed: (b) => embedding(b, "gpt_neox.embed_in", vocabulary, hidden),
      layer(b, x, index) {
        const at = `gpt_neox.layers.${index}`;
        const norm = (y: typeof x, name: string) => layerNorm(b, y, `${at}.${name}`, { epsilon });
        const fused = linear(b, norm(x, "input_layernorm"), `${at}.attention.query_key_value`, 3 * hidden, { bias });
        const { query, key, value } = splitByGroup(fused, { heads, kvHeads: heads, headSize });
        const options = { layer: index, heads, kvHeads: heads, headSize, rope: { name: "rope", rope } };
        const mixed = b.attention(query, key, value, options);
        const attended = linear(b, mixed, `${at}.attention.dense`, hidden, { bias });
        const names = { up: `${at}.mlp.dense_h_to_4h`, down: `${at}.mlp.dense_4h_to_h` };
        const half = add(attended, x);
        const fed = mlp(b, norm(parallel ? x : half, "post_attention_layernorm"), names, mlpOptions);
        return add(fed, half);
      },
      finish: (b, x) => layerNorm(b, x, "gpt_neox.final_layer_norm", { epsilon }),
      head(b, x) {
        // Released files call it embed_out; newer releases of transformers write lm_head.
        const name = b.has("lm_head.weight") ? "lm_head" : "embed_out";
        return head(b, x, { vocabulary, tied, embedding: "gpt_neox.embed_in", name });
      },
    };
  },
};
