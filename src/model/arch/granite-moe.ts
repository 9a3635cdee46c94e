/** Granite with experts: the MLP is a mixture, its matrices stacked; the router's softmax is over the chosen alone. */
import { add, div, gemm, mul } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { expertMatrix, mixture, readExperts, routeByChosen } from "../experts.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, linear, rmsNorm, split } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readMultipliers, readSizes } from "../sizes.ts";

export const graniteMoe: Architecture = {
  className: "GraniteMoeForCausalLM",
  modelType: "granitemoe",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const { hidden } = sizes;
    const size = config.integer("intermediate_size");
    const activation = config.choice("hidden_act", activations, "silu");
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const { embedding, attention, residual, logits } = readMultipliers(config);
    const { experts, chosen } = readExperts(config, { layers: sizes.layers, experts: 8, chosen: 2 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      embeddingScale: embedding,
      logits: (x) => div(x, logits),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const options = { ...sizes, layer: index, bias, scale: attention, rope: { name: "rope", rope } };
        const attended = selfAttention(b, norm(b, x, `${at}.input_layernorm`), `${at}.self_attn`, options);
        const half = add(x, mul(attended, residual));

        const moe = `${at}.block_sparse_moe`;
        const y = norm(b, half, `${at}.post_attention_layernorm`);
        const gateUp = b.parameter(`${moe}.input_linear.weight`, [experts, 2 * size, hidden]);
        const down = b.parameter(`${moe}.output_linear.weight`, [experts, hidden, size]);
        const routes = routeByChosen(linear(b, y, `${moe}.router.layer`, experts), chosen);
        const fed = mixture(y, routes, experts, moe, (rows, expert) => {
          const [gate, up] = split(gemm(rows, expertMatrix(gateUp, expert), { transB: true }), size, size);
          return gemm(mul(activation(gate), up), expertMatrix(down, expert), { transB: true });
        });
        return add(half, mul(fed, residual));
      },
    });
  },
};
