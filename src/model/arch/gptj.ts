/** GPT-J: attention and MLP beside each other on one norm, the first dimensions rotated in neighbouring pairs. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { gptFrame, readGptSizes } from "../gpt.ts";
import { activations, layerNorm, mlp } from "../parts.ts";
import { fixedRope } from "../rope.ts";

export const gptj: Architecture = {
  className: "GPTJForCausalLM",
  modelType: "gptj",
  prefix: "transformer.",
  read(config) {
    const sizes = readGptSizes(config, { positions: 2048 });
    const { hidden, heads, headSize } = sizes;
    const mlpOptions = {
      size: config.integer("n_inner", 4 * hidden),
      activation: config.choice("activation_function", activations, "gelu_new"),
      bias: true,
    };
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const rope = fixedRope(config, "rotary_dim", { fallback: 64, headSize });
    const tied = config.flag("tie_word_embeddings", false);
    config.ignore("rotary", "scale_attn_weights", "n_ctx", "summary_type", "summary_use_proj", "summary_activation");
    config.ignore("summary_proj_to_labels", "summary_first_dropout", "gradient_checkpointing");

    return gptFrame(sizes, {
      tied,
      epsilon,
      rope,
      headBias: true,
      layer(b, x, index) {
        const at = `transformer.h.${index}`;
        const input = layerNorm(b, x, `${at}.ln_1`, { epsilon });
        const attended = selfAttention(b, input, `${at}.attn`, {
          layer: index,
          heads,
          kvHeads: heads,
          headSize,
          output: "out_proj",
          rope: { name: "rope", rope, interleaved: true },
        });
        const fed = mlp(b, input, { up: `${at}.mlp.fc_in`, down: `${at}.mlp.fc_out` }, mlpOptions);
        return add(add(attended, fed), x);
      },
    });
  },
};
