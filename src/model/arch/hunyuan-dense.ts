/** HunYuan (dense): queries and keys are normalised head by head AFTER rotation. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, perHead, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const hunyuanDense: Architecture = {
  className: "HunYuanDenseV1ForCausalLM",
  modelType: "hunyuan_v1_dense",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const { heads, kvHeads } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000, alpha: true });
    const tied = config.flag("tie_word_embeddings", false);
    // Ids and switches that the released configs carry and the class does not read.
    config.ignore("eod_token_id", "im_start_id", "im_end_id", "im_newline_id", "text_start_id", "text_end_id");
    config.only("use_qk_norm", true);
    config.only("use_cla", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const turn = (y: typeof x, count: number, name: string) => {
          const rotated = b.rows(b.rotate(b.sequences(y), count, { name: "rope", rope }));
          return perHead(rotated, count, (head) => norm(b, head, `${at}.self_attn.${name}`));
        };
        return preNorm(b, x, at, {
          norm,
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, {
              ...sizes,
              layer: index,
              bias,
              adjust: ({ query, key, value }) => ({
                query: turn(query, heads, "query_layernorm"),
                key: turn(key, kvHeads, "key_layernorm"),
                value,
              }),
            }),
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
    });
  },
};
