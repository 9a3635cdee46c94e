/**
 * What a hub does wrong on demand, so that clients can be tested against it: each fault has a probability per request.
 * The draws are seeded, so that a test that failed can be run again.
 */
import { z } from "zod";

const probability = z.number().min(0).max(1);

/** Fault → probability. `http-<status>` answers with that status; the others damage an answer or an upload. */
export const faultsSchema = z.record(
  z.union([z.string().regex(/^http-[45]\d\d$/), z.enum(["cut", "wrong-bytes", "oversize", "hang", "cut-upload"])]),
  probability,
);
export type Faults = z.infer<typeof faultsSchema>;

/** Reads `http-429=0.1,cut=0.05`; null when it cannot be understood. */
export function parseFaults(text: string): Faults | null {
  const pairs = text.split(",").filter((part) => part.trim() !== "");
  const parsed = faultsSchema.safeParse(
    Object.fromEntries(pairs.map((pair) => [pair.split("=")[0]!.trim(), Number(pair.split("=")[1] ?? Number.NaN)])),
  );
  return parsed.success ? parsed.data : null;
}

export class FaultInjector {
  private state: number;

  constructor(
    public faults: Faults,
    seed: number,
  ) {
    this.state = seed >>> 0;
  }

  /** A response that takes the place of the real one; null when the request is to be served. */
  async before(request: Request): Promise<Response | null> {
    for (const fault of Object.keys(this.faults))
      if (fault.startsWith("http-") && this.happens(fault)) return refusal(Number(fault.slice(5)));
    if (this.happens("hang")) await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    const uploads = request.method === "PUT" || request.method === "POST";
    return uploads && this.happens("cut-upload") ? new Response(cutStream()) : null;
  }

  /** The response to a download, damaged or not. */
  after(response: Response): Response {
    if (response.body === null || !response.ok) return response;
    const headers = new Headers(response.headers);
    // The length is announced truthfully by nobody who damages the body.
    headers.delete("Content-Length");
    const damaged = (change: (chunk: Uint8Array, index: number) => Uint8Array | null) =>
      new Response(response.body!.pipeThrough(changing(change)), { status: response.status, headers });
    if (this.happens("cut"))
      return damaged((chunk, index) => (index === 0 ? chunk.subarray(0, chunk.length >> 1) : null));
    if (this.happens("wrong-bytes")) return damaged((chunk) => chunk.map((byte, at) => (at === 0 ? byte ^ 1 : byte)));
    if (this.happens("oversize")) return damaged((chunk) => Buffer.concat([chunk, chunk, new Uint8Array(4096)]));
    return response;
  }

  private happens(fault: string): boolean {
    const chance = this.faults[fault] ?? 0;
    return chance > 0 && this.draw() < chance;
  }

  /** Uniform in [0, 1): a 32-bit linear congruential generator is chance enough for faults. */
  private draw(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return this.state / 2 ** 32;
  }
}

function refusal(status: number): Response {
  const headers = status === 429 ? { "Retry-After": "0", RateLimit: '"api";r=0;t=1' } : undefined;
  return Response.json({ error: `Fault on demand: ${status}` }, { status, headers });
}

/** An error without a value closes the connection abruptly and prints nothing. */
function cutStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.error(undefined) });
}

/** Passes chunks through `change`; null cuts the connection. */
function changing(
  change: (chunk: Uint8Array, index: number) => Uint8Array | null,
): TransformStream<Uint8Array, Uint8Array> {
  let index = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const changed = change(chunk, index++);
      if (changed === null) controller.error(undefined);
      else controller.enqueue(changed);
    },
    flush(controller) {
      if (index === 1 && change(new Uint8Array(1), index) === null) controller.error(undefined);
    },
  });
}
