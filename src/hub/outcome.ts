/** What a hub answers besides what was asked for, as values: whose fault it is decides what the caller does. */

/** The repository's owner is to blame: a verdict about a model. */
export type InvalidReason =
  | "repository-missing"
  | "repository-gated"
  | "repository-disabled"
  | "revision-missing"
  | "file-missing"
  | "path-refused"
  | "too-many-files"
  | "too-large"
  | "no-model-files";

/** Our own request is to blame: the operator must change something. */
export type RefusedReason =
  | "token-invalid"
  | "forbidden"
  | "exists"
  | "conflict"
  | "quota-exceeded"
  | "request-refused"
  | "disk-full"
  | "folder-unwritable";

/** Nobody's fault, or the hub's: the same may work later. */
export type RetryReason =
  | "rate-limited"
  | "server-error"
  | "unreachable"
  | "timeout"
  | "answer-malformed"
  | "transfer-corrupt";

export type HubFailure =
  | { readonly kind: "invalid"; readonly reason: InvalidReason; readonly detail: string }
  | { readonly kind: "refused"; readonly reason: RefusedReason; readonly detail: string }
  | {
      readonly kind: "retry";
      readonly reason: RetryReason;
      readonly detail: string;
      /** How long the hub asked to be left alone, when it said so. */
      readonly retryAfterMs?: number;
    };

export type HubResult<T> = { readonly kind: "ok"; readonly value: T } | HubFailure;

export function ok<T>(value: T): { readonly kind: "ok"; readonly value: T } {
  return { kind: "ok", value };
}

export function invalid(reason: InvalidReason, detail: string): HubFailure {
  return { kind: "invalid", reason, detail };
}

export function refused(reason: RefusedReason, detail: string): HubFailure {
  return { kind: "refused", reason, detail };
}

export function retry(reason: RetryReason, detail: string, retryAfterMs?: number): HubFailure {
  return { kind: "retry", reason, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Carries a failure through code that knows only exceptions, such as the library; caught where it is called. */
export class HubFailureError extends Error {
  override readonly name = "HubFailureError";

  constructor(readonly failure: HubFailure) {
    super(failure.detail);
  }
}

export interface Refusal {
  readonly status: number;
  /** `X-Error-Code` */
  readonly code: string | null;
  readonly message: string;
  readonly tokenSent: boolean;
  readonly retryAfterMs: number | undefined;
}

const byCode: Readonly<Record<string, InvalidReason>> = {
  RepoNotFound: "repository-missing",
  RevisionNotFound: "revision-missing",
  EntryNotFound: "file-missing",
  GatedRepo: "repository-gated",
  DisabledRepo: "repository-disabled",
};

/** What an answer that is not a success means. The hub's code counts more than the status. */
export function failureOf({ status, code, message, tokenSent, retryAfterMs }: Refusal): HubFailure {
  const detail = `the hub answered ${status}: ${message}`;
  if (code !== null && Object.hasOwn(byCode, code)) return invalid(byCode[code]!, detail);
  if (status === 429) return retry("rate-limited", detail, retryAfterMs);
  if (status === 408 || status >= 500) return retry("server-error", detail, retryAfterMs);
  // Without a token the hub hides what is private; with one it says 401 only when it does not know the token.
  if (status === 401) return tokenSent ? refused("token-invalid", detail) : invalid("repository-missing", detail);
  if (status === 403) return refused(/storage|quota/i.test(message) ? "quota-exceeded" : "forbidden", detail);
  if (status === 409) return refused("exists", detail);
  if (status === 412) return refused("conflict", detail);
  // A 404 that does not say what is missing comes from something that is no hub: no verdict may rest on it.
  if (status === 404) return retry("answer-malformed", detail);
  return refused("request-refused", detail);
}

/** A failure to write where we were told to; null when it is none of these. */
export function diskFailure(error: unknown): HubFailure | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOSPC" || code === "EDQUOT") return refused("disk-full", "there is no space left on the disk");
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes(code))
    return refused("folder-unwritable", `the folder cannot be written (${code})`);
  return null;
}
