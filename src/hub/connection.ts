/**
 * Requests to a hub as they must be made everywhere: with deadlines, retries inside the bounds, the pause that the hub
 * asks for, and the token sent to the hub alone. A success comes back as a response, everything else as a failure.
 */
import { InterruptedError, messageOf } from "../base/errors.ts";
import { type Bounds, backOffMs, defaultBounds, pauseMs } from "./bounds.ts";
import { diskFailure, failureOf, type HubFailure, HubFailureError, type HubResult, ok, retry } from "./outcome.ts";

export interface Hub {
  /** Without a slash at its end. */
  readonly url: string;
  /** Starts with `hf_`. Absent: only what is public is seen. */
  readonly token: string | undefined;
  readonly bounds: Bounds;
}

/** Describes a hub; nothing is sent. */
export function connectHub(options: {
  readonly url: string;
  readonly token?: string | undefined;
  readonly bounds?: Partial<Bounds>;
}): Hub {
  return {
    url: options.url.replace(/\/+$/, ""),
    token: options.token === "" ? undefined : options.token,
    bounds: { ...defaultBounds, ...options.bounds },
  };
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit | null;
  readonly signal?: AbortSignal | undefined;
  /** The request may be sent again although the first may have taken effect. Default: all but POST. */
  readonly repeatable?: boolean;
  /** Tries, when fewer than the bounds allow. */
  readonly attemptsMax?: number;
  /** Statuses besides 2xx that are answers to the caller. */
  readonly accepted?: readonly number[];
}

/**
 * Sends one request until it is answered or the bounds are reached. The body of the answer has not been read.
 * Throws `InterruptedError` when the signal aborts, nothing else.
 */
export async function send(hub: Hub, address: string, options: RequestOptions = {}): Promise<HubResult<Response>> {
  const attemptsMax = Math.min(options.attemptsMax ?? hub.bounds.attemptsMax, hub.bounds.attemptsMax);
  for (let attempt = 1; ; attempt++) {
    const result = await sendOnce(hub, address, options);
    if (result.kind !== "retry" || attempt >= attemptsMax || !mayRepeat(result, options)) return result;
    const pause = result.retryAfterMs ?? 0;
    if (pause > hub.bounds.pauseMsMax) return result;
    await sleep(Math.max(pause, backOffMs(attempt + 1, hub.bounds)), options.signal);
  }
}

/** A request that the hub declined before doing anything may always be sent again. */
function mayRepeat(failure: HubFailure & { kind: "retry" }, options: RequestOptions): boolean {
  return failure.reason === "rate-limited" || (options.repeatable ?? (options.method ?? "GET") !== "POST");
}

async function sendOnce(hub: Hub, address: string, options: RequestOptions): Promise<HubResult<Response>> {
  const headers = new Headers(options.headers);
  const sameOrigin = new URL(address).origin === new URL(hub.url).origin;
  // Links to other machines carry their own right; the token is nobody's business there.
  if (hub.token !== undefined && sameOrigin) headers.set("Authorization", `Bearer ${hub.token}`);
  else headers.delete("Authorization");
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), hub.bounds.answerMsMax + uploadMsMax(options.body, hub.bounds));
  const signals = options.signal === undefined ? [deadline.signal] : [deadline.signal, options.signal];
  try {
    const response = await fetch(address, {
      method: options.method ?? "GET",
      headers,
      ...(options.body === undefined ? {} : { body: options.body }),
      signal: AbortSignal.any(signals),
    });
    if (response.ok || options.accepted?.includes(response.status)) return ok(response);
    return failureOf({
      status: response.status,
      code: response.headers.get("X-Error-Code"),
      message: await errorMessage(response, hub.bounds),
      tokenSent: headers.has("Authorization"),
      retryAfterMs: pauseMs(response.headers),
    });
  } catch (error) {
    return transportFailure(error, { deadline: deadline.signal, signal: options.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** What a broken connection means; throws when it was broken by our own signal. */
export function transportFailure(
  error: unknown,
  signals: { readonly deadline?: AbortSignal; readonly signal: AbortSignal | undefined },
): HubFailure {
  if (signals.signal?.aborted) throw new InterruptedError();
  if (error instanceof HubFailureError) return error.failure;
  if (signals.deadline?.aborted) return retry("timeout", "the hub did not answer in time");
  return diskFailure(error) ?? retry("unreachable", messageOf(error));
}

function uploadMsMax(body: BodyInit | null | undefined, bounds: Bounds): number {
  const sizeBytes = body instanceof Blob ? body.size : typeof body === "string" ? body.length : 0;
  return (sizeBytes / bounds.uploadBytesPerSecondMin) * 1000;
}

/** The sentence in an error's header or body; bounded, since it is printed and stored. */
async function errorMessage(response: Response, bounds: Bounds): Promise<string> {
  const header = response.headers.get("X-Error-Message");
  const text = await readBounded(response, { ...bounds, answerBytesMax: 65_536 }).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => "",
  );
  const stated = header ?? statedError(text) ?? response.statusText;
  return stated.slice(0, 300);
}

function statedError(text: string): string | undefined {
  try {
    const { error, message } = JSON.parse(text);
    return [error, message].find((part) => typeof part === "string");
  } catch {
    return text.startsWith("<") || text === "" ? undefined : text;
  }
}

/** Reads a whole answer. Throws a `HubFailureError` when it is too long or stalls. */
export async function readBounded(response: Response, bounds: Bounds): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunksOf(response, bounds)) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > bounds.answerBytesMax)
      throw new HubFailureError(retry("answer-malformed", `the answer is longer than ${bounds.answerBytesMax} bytes`));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The chunks of a body, each within the idle bound. The connection is given up when the caller stops early. */
export async function* chunksOf(response: Response, bounds: Bounds): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await withinIdle(reader.read(), bounds);
      if (done) return;
      yield value;
    }
  } finally {
    // A stream that has ended or failed has nothing left to cancel; one that was left early still has a socket.
    await reader.cancel().catch(() => undefined);
  }
}

async function withinIdle<T>(reading: Promise<T>, { idleMsMax }: Bounds): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HubFailureError(retry("timeout", `no byte came for ${idleMsMax / 1000} s`))),
      idleMsMax,
    );
  });
  return Promise.race([reading, stalled]).finally(() => clearTimeout(timer));
}

/** Waits, or throws `InterruptedError` at once when the signal aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) throw new InterruptedError();
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new InterruptedError());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
