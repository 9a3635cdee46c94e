/** GPT-BigCode (StarCoder, SantaCoder): GPT-2 with one key/value head for all, or a fused projection head by head. */
import type { Architecture } from "../architecture.ts";
import { splitByGroup } from "../attention.ts";
import { gptFrame, readGptSizes } from "../gpt.ts";
import { activations, layerNorm, linear, mlp, preNormLayer } from "../parts.ts";

export const gptBigcode: Architecture = {
  className: "GPTBigCodeForCausalLM",
  modelType: "gpt_bigcode",
  prefix: "transformer.",
  read(config) {
    const sizes = readGptSizes(config, { positions: 1024 });
    const { hidden, heads, headSize } = sizes;
    const mlpOptions = {
      size: config.integer("n_inner", 4 * hidden),
      activation: config.choice("activation_function", activations, "gelu_pytorch_tanh"),
      bias: true,
    };
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const kvHeads = config.flag("multi_query", true) ? 1 : heads;
    const scale = config.flag("scale_attn_weights", true) ? headSize ** -0.5 : 1;
    const tied = config.flag("tie_word_embeddings", true);
    config.ignore("num_key_value_heads", "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "n_ctx");
    // Of the class's other heads, of its training, and of runtimes that read the same config.
    config.ignore("summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels");
    config.ignore("summary_first_dropout", "inference_runner", "validate_runner_input", "pad_key_length");
    config.ignore("pre_allocate_kv_cache", "max_batch_size", "max_sequence_length", "attn_impl");

    return gptFrame(sizes, {
      tied,
      epsilon,
      layer(b, x, index) {
        const at = `transformer.h.${index}`;
        const norm = (name: string) => (y: typeof x) => layerNorm(b, y, `${at}.${name}`, { epsilon });
        return preNormLayer(x, {
          norms: [norm("ln_1"), norm("ln_2")],
          attend(y) {
            const fused = linear(b, y, `${at}.attn.c_attn`, hidden + 2 * kvHeads * headSize, { bias: true });
            const { query, key, value } = splitByGroup(fused, { heads, kvHeads, headSize });
            const mixed = b.attention(query, key, value, { layer: index, heads, kvHeads, headSize, scale });
            return linear(b, mixed, `${at}.attn.c_proj`, hidden, { bias: true });
          },
          feed: (y) => mlp(b, y, { up: `${at}.mlp.c_fc`, down: `${at}.mlp.c_proj` }, mlpOptions),
        });
      },
    });
  },
};
