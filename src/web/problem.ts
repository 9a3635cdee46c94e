/** An answer that is none: a status and a sentence. */
import type { Problem } from "./answers.ts";

export function problem(status: number, error: string, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json({ error } satisfies Problem, { status, headers });
}
