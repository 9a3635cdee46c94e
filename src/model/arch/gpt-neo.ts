/** GPT-Neo: GPT-2 with scores that are not scaled, and layers that alternate between full and local attention. */
import type { Json } from "../../base/json.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import type { ConfigReader } from "../config.ts";
import { gptFrame } from "../gpt.ts";
import { activations, divide, layerNorm, mlp, preNormLayer } from "../parts.ts";
import { layersMax } from "../sizes.ts";

export const gptNeo: Architecture = {
  className: "GPTNeoForCausalLM",
  modelType: "gpt_neo",
  prefix: "transformer.",
  read(config) {
    const hidden = config.integer("hidden_size");
    const layers = config.integer("num_layers", undefined, { max: layersMax });
    const heads = config.integer("num_heads");
    const headSize = divide(config, hidden, heads, "hidden_size and num_heads");
    const positions = config.integer("max_position_embeddings", 2048);
    const sizes = { vocabulary: config.integer("vocab_size"), hidden, layers, heads, headSize, positions };
    const mlpOptions = {
      size: config.integer("intermediate_size", 4 * hidden),
      activation: config.choice("activation_function", activations, "gelu_new"),
      bias: true,
    };
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const window = config.integer("window_size", 256);
    const local = readLocalLayers(config, layers);
    const tied = config.flag("tie_word_embeddings", true);
    config.ignore("embed_dropout", "resid_dropout", "gradient_checkpointing", "summary_type", "summary_use_proj");
    config.ignore("summary_activation", "summary_proj_to_labels", "summary_first_dropout");

    return gptFrame(sizes, {
      tied,
      epsilon,
      layer(b, x, index) {
        const at = `transformer.h.${index}`;
        const norm = (name: string) => (y: typeof x) => layerNorm(b, y, `${at}.${name}`, { epsilon });
        return preNormLayer(x, {
          norms: [norm("ln_1"), norm("ln_2")],
          attend: (y) =>
            selfAttention(b, y, `${at}.attn.attention`, {
              layer: index,
              heads,
              kvHeads: heads,
              headSize,
              scale: 1,
              window: local[index] ? window : 0,
              bias: { projections: false, output: true },
              output: "out_proj",
            }),
          feed: (y) => mlp(b, y, { up: `${at}.mlp.c_fc`, down: `${at}.mlp.c_proj` }, mlpOptions),
        });
      },
    });
  },
};

/** `attention_types` is a list of [[kinds], times]: `[[["global", "local"], 12]]`. `attention_layers` repeats it. */
function readLocalLayers(config: ConfigReader, layers: number): readonly boolean[] {
  config.ignore("attention_layers");
  const types = config.json("attention_types") ?? [[["global", "local"], 12]];
  if (!Array.isArray(types)) return config.refuse("attention_types");
  const local: boolean[] = [];
  for (const item of types as readonly Json[]) {
    const [kinds, times] = Array.isArray(item) ? (item as readonly Json[]) : [];
    if (!Array.isArray(kinds) || typeof times !== "number" || times > layersMax)
      return config.refuse("attention_types");
    for (let time = 0; time < times && local.length <= layers; time++)
      for (const kind of kinds as readonly Json[]) {
        if (kind !== "global" && kind !== "local") return config.refuse("attention_types");
        local.push(kind === "local");
      }
  }
  if (local.length !== layers) return config.refuse("attention_types", `there are ${layers} layers`);
  return local;
}
