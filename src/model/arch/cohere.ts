/** Cohere (Command R): attention and MLP beside each other on one norm, neighbouring dimensions rotated as pairs, tied. */
import { add, mul, reshape } from "../../graph/expression.ts";
import type { Node } from "../../graph/node.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import type { Builder } from "../builder.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, layerNorm, plainLayerNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const cohere: Architecture = {
  className: "CohereForCausalLM",
  modelType: "cohere",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 8192 });
    const { heads, kvHeads, headSize } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("layer_norm_eps", 1e-5, { min: 0 });
    const normed = config.flag("use_qk_norm", false);
    const logitScale = config.number("logit_scale", 0.0625);
    const rope = readRope(config, { ...sizes, theta: 500_000 });
    const tied = config.flag("tie_word_embeddings", true);

    /** A LayerNorm of every head with weights of its own, stored as [heads, headSize]. */
    const headNorm = (b: Builder, x: Node, count: number, name: string) => {
      const plain = plainLayerNorm(reshape(x, ["rows", count, headSize]), epsilon);
      return reshape(mul(plain, b.parameter(`${name}.weight`, [count, headSize])), x.shape);
    };
    const norm: Norm = (b, x, name) => layerNorm(b, x, name, { epsilon, bias: false });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      logits: (logits) => mul(logits, logitScale),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const input = norm(b, x, `${at}.input_layernorm`);
        const attended = selfAttention(b, input, `${at}.self_attn`, {
          ...sizes,
          layer: index,
          bias,
          rope: { name: "rope", rope, interleaved: true },
          adjust: ({ query, key, value }) =>
            normed
              ? {
                  query: headNorm(b, query, heads, `${at}.self_attn.q_norm`),
                  key: headNorm(b, key, kvHeads, `${at}.self_attn.k_norm`),
                  value,
                }
              : { query, key, value },
        });
        return add(add(x, attended), gatedMlp(b, input, `${at}.mlp`, mlp));
      },
    });
  },
};
