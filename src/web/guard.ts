/** What is asked of every request before it is looked at, and what every answer says to the browser. */
import { problem } from "./problem.ts";

export interface Bind {
  readonly host: string;
  /** Only this machine can reach the server. */
  readonly isLocal: boolean;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The answer to a request that must not be served; undefined when it may be. */
export function refuse(request: Request, { host, isLocal }: Bind): Response | undefined {
  const named = hostNameOf(request.headers.get("host"));
  // A page of a stranger whose name was made to point here would read everything as its own: it gives its own name.
  if (isLocal && named !== host && !(named !== undefined && isLoopback(named)))
    return problem(421, "This server answers to localhost only.");
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  // Another page may send a form to any address, but neither JSON nor without saying where it comes from.
  const origin = request.headers.get("origin");
  if (origin !== null && (!URL.canParse(origin) || new URL(origin).host !== request.headers.get("host")))
    return problem(403, "Requests from other pages are not answered.");
  return undefined;
}

/** The name in a Host header, without port and brackets. */
function hostNameOf(header: string | null): string | undefined {
  if (header === null || !URL.canParse(`http://${header}/`)) return undefined;
  return new URL(`http://${header}/`).hostname.replace(/^\[|\]$/g, "");
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // No text may become markup or code, whoever wrote it.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Adds what the browser shall refuse to do with the answer. */
export function withHeaders(response: Response): Response {
  const { headers } = response;
  headers.set("content-security-policy", policy);
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return response;
}
