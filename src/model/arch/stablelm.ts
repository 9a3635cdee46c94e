/** StableLM 2: LayerNorm, a quarter of every head rotated, a gated MLP; its halves may stand beside each other. */
import { add, concat, mul, reshape } from "../../graph/expression.ts";
import type { Node } from "../../graph/node.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import type { Builder } from "../builder.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, layerNorm, plainLayerNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const stablelm: Architecture = {
  className: "StableLmForCausalLM",
  modelType: "stablelm",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 4096, kvHeads: 32, headSizeFixed: true });
    const { heads, kvHeads, headSize } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const bias = { projections: config.flag("use_qkv_bias", false), output: false };
    const epsilon = config.number("layer_norm_eps", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 0.25 });
    const normed = config.flag("qk_layernorm", false);
    const parallel = config.flag("use_parallel_residual", false);
    const tied = config.flag("tie_word_embeddings", false);

    /** A LayerNorm of every head, each with a weight tensor of its own. */
    const headNorm = (b: Builder, x: Node, count: number, name: string) => {
      const weights = Array.from({ length: count }, (_, head) =>
        reshape(b.parameter(`${name}.norms.${head}.weight`, [headSize]), [1, headSize]),
      );
      const plain = plainLayerNorm(reshape(x, ["rows", count, headSize]), epsilon);
      return reshape(mul(plain, concat(weights, 0)), x.shape);
    };
    const norm: Norm = (b, x, name) => layerNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const attend = (y: Node) =>
          selfAttention(b, y, `${at}.self_attn`, {
            ...sizes,
            layer: index,
            bias,
            rope: { name: "rope", rope },
            adjust: ({ query, key, value }) =>
              normed
                ? {
                    query: headNorm(b, query, heads, `${at}.self_attn.q_layernorm`),
                    key: headNorm(b, key, kvHeads, `${at}.self_attn.k_layernorm`),
                    value,
                  }
                : { query, key, value },
          });
        const feed = (y: Node) => gatedMlp(b, y, `${at}.mlp`, mlp);
        if (!parallel) return preNorm(b, x, at, { norm, attend, feed });
        const input = norm(b, x, `${at}.input_layernorm`);
        return add(add(x, attend(input)), feed(input));
      },
    });
  },
};
