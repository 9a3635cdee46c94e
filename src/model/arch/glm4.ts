/** GLM 4 (0414): GLM with norms after each half as well. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, fusedGatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const glm4: Architecture = {
  className: "Glm4ForCausalLM",
  modelType: "glm4",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 131_072, kvHeads: 2, headSize: 128 });
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const bias = { projections: config.flag("attention_bias", true), output: false };
    const epsilon = config.number("rms_norm_eps", 1.5625e-7, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 0.5 });
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const options = { ...sizes, layer: index, bias, rope: { name: "rope", rope, interleaved: true } };
        const attended = selfAttention(b, norm(b, x, `${at}.input_layernorm`), `${at}.self_attn`, options);
        const half = add(x, norm(b, attended, `${at}.post_self_attn_layernorm`));
        const fed = fusedGatedMlp(b, norm(b, half, `${at}.post_attention_layernorm`), `${at}.mlp`, mlp);
        return add(half, norm(b, fed, `${at}.post_mlp_layernorm`));
      },
    });
  },
};
