/** EXAONE 4: norms after each half, normalised queries and keys; of mixed layers only the sliding ones are rotated. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, perHead, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const exaone4: Architecture = {
  className: "Exaone4ForCausalLM",
  modelType: "exaone4",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048, kvHeads: 32 });
    const { heads, kvHeads, layers } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const window = readWindow(config, 4096);
    // The pattern counts only where layer_types does not list the layers; released configs then spell it "LLLG".
    if (config.has("layer_types") || window === 0) config.ignore("sliding_window_pattern");
    const pattern = config.has("layer_types") || window === 0 ? 1 : config.integer("sliding_window_pattern", 4);
    const slides = readSlidingLayers(config, layers, (index) => (index + 1) % pattern !== 0);
    if (window === 0 && slides.includes(true)) config.refuse("layer_types", "there is no sliding_window");
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const attended = selfAttention(b, x, `${at}.self_attn`, {
          ...sizes,
          layer: index,
          window: slides[index] ? window : 0,
          rope: window === 0 || slides[index] ? { name: "rope", rope } : undefined,
          adjust: ({ query, key, value }) => ({
            query: perHead(query, heads, (head) => norm(b, head, `${at}.self_attn.q_norm`)),
            key: perHead(key, kvHeads, (head) => norm(b, head, `${at}.self_attn.k_norm`)),
            value,
          }),
        });
        const half = add(x, norm(b, attended, `${at}.post_attention_layernorm`));
        return add(half, norm(b, gatedMlp(b, half, `${at}.mlp`, mlp), `${at}.post_feedforward_layernorm`));
      },
    });
  },
};
