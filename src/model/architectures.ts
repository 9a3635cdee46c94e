/** The table of architectures. A new one is a file in arch/ and a line here. */
import { llama } from "./arch/llama.ts";
import type { Architecture } from "./architecture.ts";

export const architectures: readonly Architecture[] = [llama];
