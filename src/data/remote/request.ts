/**
 * Requests to servers of data: with a deadline, a limit on the answer, and the same request again after a passing
 * failure. Servers put HTML where JSON is due, cut bodies and ask for patience; each of these is an answer like no answer.
 */
import type { z } from "zod";
import { InterruptedError, messageOf } from "../../base/errors.ts";
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import type { DataBounds } from "./bounds.ts";

export interface DataRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly bytesMax: number;
  readonly bounds: DataBounds;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Statuses that the same request may not get again. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

type Attempt<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "failed"; readonly failure: Invalid; readonly repeat: boolean; readonly pauseMs: number };

/**
 * Sends a request until `read` accepts the answer or the bounds are reached.
 * @param read what the answer holds; an answer that it refuses counts as damaged on its way and is asked for again
 * @throws InterruptedError when the signal aborts
 */
export async function request<T>(options: DataRequest, read: (answer: Answer) => T | Invalid): Promise<T | Invalid> {
  const { bounds, signal } = options;
  for (let number = 1; ; number++) {
    const attempt = await attemptOnce(options, read);
    if (attempt.kind === "done") return attempt.value;
    const { failure, repeat, pauseMs } = attempt;
    if (!repeat || number >= bounds.attemptsMax || pauseMs > bounds.pauseMsMax) return failure;
    await sleep(Math.max(pauseMs, backOffMs(number, bounds)), signal);
  }
}

/** The same for JSON of a known form. */
export function requestJson<T>(options: Omit<DataRequest, "bytesMax">, schema: z.ZodType<T>): Promise<T | Invalid> {
  const where = hostAndPath(options.url);
  return request({ ...options, bytesMax: options.bounds.jsonBytesMax }, ({ bytes, headers }) => {
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      const type = headers.get("Content-Type") ?? "something";
      return invalid("not-json", `${where} answered with ${type} that is not JSON.`);
    }
    const parsed = schema.safeParse(json);
    return parsed.success
      ? parsed.data
      : invalid("not-json", `${where} answered in another form: ${firstIssue(parsed.error)}.`);
  });
}

/** Whether an address, which may be a stranger's, is one that is asked over HTTP. */
export function isServerAddress(url: string): boolean {
  return /^https?:\/\//.test(url) && URL.canParse(url);
}

/** An address without its query, which may be long. */
export function hostAndPath(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "nothing fits" : `${issue.path.join(".") || "the whole"}: ${issue.message}`;
}

async function attemptOnce<T>(options: DataRequest, read: (answer: Answer) => T | Invalid): Promise<Attempt<T>> {
  const { url, bounds, signal } = options;
  if (signal.aborted) throw new InterruptedError();
  const where = hostAndPath(url);
  const deadline = AbortSignal.timeout(bounds.answerMsMax);
  let answer: Answer;
  try {
    const response = await fetch(url, {
      method: options.method ?? "GET",
      headers: { ...options.headers },
      ...(options.body === undefined ? {} : { body: options.body }),
      signal: AbortSignal.any([signal, deadline]),
    });
    if (!response.ok) {
      await response.body?.cancel();
      const failure = invalid(
        response.status === 429 ? "rate-limited" : "refused",
        `${where} answered ${response.status}.`,
      );
      return { kind: "failed", failure, repeat: passing.has(response.status), pauseMs: pauseOf(response.headers) };
    }
    const bytes = await readBody(response, options.bytesMax);
    if (bytes === null) {
      const failure = invalid("too-large", `${where} answered with more than ${options.bytesMax} bytes.`);
      return { kind: "failed", failure, repeat: false, pauseMs: 0 };
    }
    answer = { status: response.status, headers: response.headers, bytes };
  } catch (error) {
    if (signal.aborted) throw new InterruptedError();
    const detail = deadline.aborted
      ? `did not answer within ${bounds.answerMsMax / 1000} s`
      : `cannot be read: ${messageOf(error)}`;
    return { kind: "failed", failure: invalid("unreachable", `${where} ${detail}.`), repeat: true, pauseMs: 0 };
  }
  // Outside of the try: a mistake in how answers are read is no failure of the network.
  const value = read(answer);
  return isInvalid(value) ? { kind: "failed", failure: value, repeat: true, pauseMs: 0 } : { kind: "done", value };
}

/** The whole body, or null as soon as it is larger than allowed. */
async function readBody(response: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function backOffMs(failed: number, bounds: DataBounds): number {
  return Math.min(bounds.backOffMsFirst * 2 ** (failed - 1), bounds.backOffMsMax) * (0.5 + Math.random() / 2);
}

/** `Retry-After`, in seconds or as a date (counted from the answer's own: our clock may be wrong); 0 when there is none. */
function pauseOf(headers: Headers): number {
  const after = headers.get("Retry-After");
  if (after === null) return 0;
  const ms = Number.isFinite(Number(after))
    ? Number(after) * 1000
    : Date.parse(after) - Date.parse(headers.get("Date") ?? "");
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
  if (signal.aborted) throw new InterruptedError();
}
