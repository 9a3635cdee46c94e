/** The table of architectures. A new one is a file in arch/ and a line here. */
import { apertus } from "./arch/apertus.ts";
import { arcee } from "./arch/arcee.ts";
import { bart } from "./arch/bart.ts";
import { biogpt } from "./arch/biogpt.ts";
import { bloom } from "./arch/bloom.ts";
import { codegen } from "./arch/codegen.ts";
import { cohere } from "./arch/cohere.ts";
import { cohere2 } from "./arch/cohere2.ts";
import { ernie45 } from "./arch/ernie4-5.ts";
import { exaone4 } from "./arch/exaone4.ts";
import { falcon } from "./arch/falcon.ts";
import { gemma } from "./arch/gemma.ts";
import { gemma2 } from "./arch/gemma2.ts";
import { gemma3 } from "./arch/gemma3.ts";
import { glm } from "./arch/glm.ts";
import { glm4 } from "./arch/glm4.ts";
import { gptBigcode } from "./arch/gpt-bigcode.ts";
import { gptNeo } from "./arch/gpt-neo.ts";
import { gptNeox } from "./arch/gpt-neox.ts";
import { gptOss } from "./arch/gpt-oss.ts";
import { gpt2 } from "./arch/gpt2.ts";
import { gptj } from "./arch/gptj.ts";
import { granite } from "./arch/granite.ts";
import { graniteMoe } from "./arch/granite-moe.ts";
import { helium } from "./arch/helium.ts";
import { hunyuanDense } from "./arch/hunyuan-dense.ts";
import { jais2 } from "./arch/jais2.ts";
import { llama } from "./arch/llama.ts";
import { mistral } from "./arch/mistral.ts";
import { mixtral } from "./arch/mixtral.ts";
import { mpt } from "./arch/mpt.ts";
import { nemotron } from "./arch/nemotron.ts";
import { olmo } from "./arch/olmo.ts";
import { olmo2 } from "./arch/olmo2.ts";
import { olmo3 } from "./arch/olmo3.ts";
import { olmoe } from "./arch/olmoe.ts";
import { opt } from "./arch/opt.ts";
import { persimmon } from "./arch/persimmon.ts";
import { phi } from "./arch/phi.ts";
import { phi3 } from "./arch/phi3.ts";
import { qwen2 } from "./arch/qwen2.ts";
import { qwen2Moe } from "./arch/qwen2-moe.ts";
import { qwen3 } from "./arch/qwen3.ts";
import { qwen3Moe } from "./arch/qwen3-moe.ts";
import { seedOss } from "./arch/seed-oss.ts";
import { smollm3 } from "./arch/smollm3.ts";
import { stablelm } from "./arch/stablelm.ts";
import { starcoder2 } from "./arch/starcoder2.ts";
import { xglm } from "./arch/xglm.ts";
import type { Architecture } from "./architecture.ts";

export const architectures: readonly Architecture[] = [
  apertus,
  arcee,
  bart,
  biogpt,
  bloom,
  codegen,
  cohere,
  cohere2,
  ernie45,
  exaone4,
  falcon,
  gemma,
  gemma2,
  gemma3,
  glm,
  glm4,
  gptBigcode,
  gptNeo,
  gptNeox,
  gptOss,
  gpt2,
  gptj,
  graniteMoe,
  granite,
  helium,
  hunyuanDense,
  jais2,
  llama,
  mistral,
  mixtral,
  mpt,
  nemotron,
  olmo,
  olmo2,
  olmo3,
  olmoe,
  opt,
  persimmon,
  phi,
  phi3,
  qwen2Moe,
  qwen2,
  qwen3Moe,
  qwen3,
  seedOss,
  smollm3,
  stablelm,
  starcoder2,
  xglm,
];
