/** Apertus: normalised queries and keys, and a plain MLP around xIELU, an activation with two learned numbers. */
import { add, exp, greater, min, mul, softplus, sub, where } from "../../graph/expression.ts";
import type { Node } from "../../graph/node.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import type { Builder } from "../builder.ts";
import { frame, type Norm } from "../frame.ts";
import { linear, perHead, preNormLayer, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

/** The class's rope where the config has none. */
const absent = {
  rope_type: "llama3",
  rope_theta: 12_000_000,
  factor: 8,
  original_max_position_embeddings: 8192,
  low_freq_factor: 1,
  high_freq_factor: 4,
};

export const apertus: Architecture = {
  className: "ApertusForCausalLM",
  modelType: "apertus",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 65_536 });
    const { hidden, heads, kvHeads } = sizes;
    const size = config.integer("intermediate_size");
    const activation = config.choice("hidden_act", { xielu }, "xielu");
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 12_000_000, absent });
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        return preNormLayer(x, {
          norms: [(y) => norm(b, y, `${at}.attention_layernorm`), (y) => norm(b, y, `${at}.feedforward_layernorm`)],
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, {
              ...sizes,
              layer: index,
              bias,
              rope: { name: "rope", rope },
              adjust: ({ query, key, value }) => ({
                query: perHead(query, heads, (head) => norm(b, head, `${at}.self_attn.q_norm`)),
                key: perHead(key, kvHeads, (head) => norm(b, head, `${at}.self_attn.k_norm`)),
                value,
              }),
            }),
          feed: (y) =>
            linear(
              b,
              activation(b, linear(b, y, `${at}.mlp.up_proj`, size), `${at}.mlp.act_fn`),
              `${at}.mlp.down_proj`,
              hidden,
            ),
        });
      },
    });
  },
};

/**
 * xIELU (Huang and Schlag 2024): αp·x² + β·x above 0, αn·(exp(min(x, ε)) − 1 − x) + β·x below, where the αs are learned
 * through a softplus.
 */
function xielu(b: Builder, x: Node, at: string): Node {
  const beta = b.parameter(`${at}.beta`, []);
  const alphaPositive = softplus(b.parameter(`${at}.alpha_p`, [1]));
  const alphaNegative = add(beta, softplus(b.parameter(`${at}.alpha_n`, [1])));
  const bend = sub(sub(exp(min(x, b.parameter(`${at}.eps`, []))), 1), x);
  const curved = where(greater(x, 0), mul(alphaPositive, mul(x, x)), mul(alphaNegative, bend));
  return add(curved, mul(beta, x));
}
