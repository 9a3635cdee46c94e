/** How the local hub says no: a status, the Hub's own error code in a header, and a sentence. */

/** Thrown by a route and turned into a response in one place (server.ts). */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly status: number,
    message: string,
    /** `X-Error-Code`, which clients branch on. */
    readonly code?: "RepoNotFound" | "RevisionNotFound" | "EntryNotFound" | "GatedRepo",
    readonly fields: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }

  response(): Response {
    // A header carries printable ASCII alone, and the message may quote what a client sent.
    const headers: Record<string, string> = { "X-Error-Message": this.message.replace(/[^\x20-\x7e]/g, "?") };
    if (this.code !== undefined) headers["X-Error-Code"] = this.code;
    return Response.json({ error: this.message, ...this.fields }, { status: this.status, headers });
  }
}
