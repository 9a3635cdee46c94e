/** GPT-2: learned positions, matrices stored [in, out], one fused projection, tied. */
import type { Architecture } from "../architecture.ts";
import { gptFrame, readGptSizes } from "../gpt.ts";
import { activations, conv1d, layerNorm, preNormLayer, split } from "../parts.ts";

export const gpt2: Architecture = {
  className: "GPT2LMHeadModel",
  modelType: "gpt2",
  prefix: "transformer.",
  read(config) {
    const sizes = readGptSizes(config, { positions: 1024 });
    const { hidden, heads, headSize } = sizes;
    const size = config.integer("n_inner", 4 * hidden);
    const activation = config.choice("activation_function", activations, "gelu_new");
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const scaled = config.flag("scale_attn_weights", true);
    const byLayer = config.flag("scale_attn_by_inverse_layer_idx", false);
    const tied = config.flag("tie_word_embeddings", true);
    // Upcasting changes half precision only; the rest belongs to the class's other heads.
    config.ignore("reorder_and_upcast_attn", "n_ctx", "summary_type", "summary_use_proj", "summary_activation");
    config.ignore("summary_proj_to_labels", "summary_first_dropout", "gradient_checkpointing");

    return gptFrame(sizes, {
      tied,
      epsilon,
      layer(b, x, index) {
        const at = `transformer.h.${index}`;
        const norm = (name: string) => (y: typeof x) => layerNorm(b, y, `${at}.${name}`, { epsilon });
        const scale = (scaled ? headSize ** -0.5 : 1) / (byLayer ? index + 1 : 1);
        return preNormLayer(x, {
          norms: [norm("ln_1"), norm("ln_2")],
          attend(y) {
            const fused = conv1d(b, y, `${at}.attn.c_attn`, 3 * hidden);
            const [query, key, value] = split(fused, hidden, hidden, hidden);
            const mixed = b.attention(query, key, value, { layer: index, heads, kvHeads: heads, headSize, scale });
            return conv1d(b, mixed, `${at}.attn.c_proj`, hidden);
          },
          feed: (y) => conv1d(b, activation(conv1d(b, y, `${at}.mlp.c_fc`, size)), `${at}.mlp.c_proj`, hidden),
        });
      },
    });
  },
};
