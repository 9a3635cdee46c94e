/** How a model is computed, in words: commands say it, since speed and memory follow from it. */
export function howComputed({ mode, threads }: { readonly mode: "load" | "run"; readonly threads: number }): string {
  const widening = mode === "load" ? "parameters widened beforehand" : "parameters widened as they are needed";
  return `${widening}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}
