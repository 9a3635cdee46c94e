/** CodeGen: GPT-J with one fused projection, laid out as four blocks of [queries, values, keys]. */
import { add, reshape, slice } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { gptFrame, readGptSizes } from "../gpt.ts";
import { activations, layerNorm, linear, mlp } from "../parts.ts";
import { fixedRope } from "../rope.ts";

/** The number of processors that the released models were trained on; their layout is part of the format since. */
const blocks = 4;

export const codegen: Architecture = {
  className: "CodeGenForCausalLM",
  modelType: "codegen",
  prefix: "transformer.",
  read(config) {
    const sizes = readGptSizes(config, { positions: 2048 });
    const { hidden, heads, headSize } = sizes;
    if (heads % blocks !== 0) config.refuse("n_head", `it is no multiple of ${blocks}`);
    const mlpOptions = {
      size: config.integer("n_inner", 4 * hidden),
      activation: config.choice("activation_function", activations, "gelu_new"),
      bias: true,
    };
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const rope = fixedRope(config, "rotary_dim", { fallback: 64, headSize });
    const tied = config.flag("tie_word_embeddings", false);
    config.ignore("n_ctx", "rotary", "scale_attn_weights", "summary_type", "summary_use_proj", "summary_activation");
    config.ignore("summary_proj_to_labels", "summary_first_dropout", "gradient_checkpointing");

    return gptFrame(sizes, {
      tied,
      epsilon,
      rope,
      headBias: true,
      layer(b, x, index) {
        const at = `transformer.h.${index}`;
        const input = layerNorm(b, x, `${at}.ln_1`, { epsilon });
        const fused = reshape(linear(b, input, `${at}.attn.qkv_proj`, 3 * hidden), [
          "rows",
          blocks,
          3,
          hidden / blocks,
        ]);
        const piece = (part: number) => reshape(slice(fused, 2, part, part + 1), ["rows", hidden]);
        const mixed = b.attention(piece(0), piece(2), piece(1), {
          layer: index,
          heads,
          kvHeads: heads,
          headSize,
          rope: { name: "rope", rope, interleaved: true },
        });
        const attended = linear(b, mixed, `${at}.attn.out_proj`, hidden);
        const fed = mlp(b, input, { up: `${at}.mlp.fc_in`, down: `${at}.mlp.fc_out` }, mlpOptions);
        return add(add(attended, fed), x);
      },
    });
  },
};
