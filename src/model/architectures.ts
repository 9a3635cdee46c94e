/** The table of architectures. A new one is a file in arch/ and a line here. */
import { bart } from "./arch/bart.ts";
import { falcon } from "./arch/falcon.ts";
import { gemma } from "./arch/gemma.ts";
import { gemma2 } from "./arch/gemma2.ts";
import { gptNeox } from "./arch/gpt-neox.ts";
import { llama } from "./arch/llama.ts";
import { mistral } from "./arch/mistral.ts";
import { phi } from "./arch/phi.ts";
import { phi3 } from "./arch/phi3.ts";
import { qwen2 } from "./arch/qwen2.ts";
import { qwen3 } from "./arch/qwen3.ts";
import type { Architecture } from "./architecture.ts";

export const architectures: readonly Architecture[] = [
  bart,
  falcon,
  gemma,
  gemma2,
  gptNeox,
  llama,
  mistral,
  phi,
  phi3,
  qwen2,
  qwen3,
];
