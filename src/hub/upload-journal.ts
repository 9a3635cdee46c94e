/**
 * Remembers which parts of large files have arrived, so that an upload that was cut off, also by the end of the process,
 * goes on with the parts that are missing. It sits between the library and the network: links of an upload under way
 * take the place of new ones, and a part that has arrived is answered from memory.
 */
import { rename } from "node:fs/promises";
import { z } from "zod";
import { HubFailureError, retry } from "./outcome.ts";

const uploadSchema = z.object({
  expiresMs: z.number(),
  /** The hub's answer about one object, links and all. */
  answer: z.object({
    oid: z.string(),
    size: z.number(),
    actions: z.object({ upload: z.object({ href: z.string(), header: z.record(z.string(), z.string()) }) }).loose(),
  }),
  /** Part link → ETag of what arrived there. */
  arrived: z.record(z.string(), z.string()),
});
const journalSchema = z.record(z.string(), uploadSchema);
type Upload = z.infer<typeof uploadSchema>;

const batchSchema = z.object({ objects: z.array(z.object({ oid: z.string() }).loose()) }).loose();

/** Links are trusted for at most this long when the hub does not say how long they live. */
const lifeMs = 3600_000;

export class UploadJournal {
  private uploads = new Map<string, Upload>();
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(private readonly path: string) {}

  /** Opens a journal; a file that cannot be understood counts as empty, since it only saves work. */
  static async open(path: string): Promise<UploadJournal> {
    const journal = new UploadJournal(path);
    const file = Bun.file(path);
    const parsed = journalSchema.safeParse((await file.exists()) ? await file.json().catch(() => null) : {});
    const now = Date.now();
    for (const [oid, upload] of Object.entries(parsed.data ?? {}))
      if (upload.expiresMs > now) journal.uploads.set(oid, upload);
    return journal;
  }

  /** Wraps the library's way to the network. */
  intercept(send: typeof fetch): typeof fetch {
    const wrapped = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
      const address = input instanceof Request ? input.url : String(input);
      if (init.method === "POST" && address.endsWith("/info/lfs/objects/batch"))
        return this.batch(await send(input, init));
      if (init.method === "PUT") return this.part(address, () => send(input, init));
      if (init.method === "POST") return this.completion(address, () => send(input, init));
      return send(input, init);
    };
    return Object.assign(wrapped, { preconnect: send.preconnect });
  }

  private async batch(response: Response): Promise<Response> {
    const body = batchSchema.parse(await response.json());
    const objects = [];
    for (const object of body.objects) {
      const known = this.uploads.get(object.oid);
      const fresh = uploadSchema.shape.answer.safeParse(object);
      if (known !== undefined && fresh.success) objects.push(known.answer);
      else {
        // An object without links is there already: what is remembered of its upload has served.
        this.uploads.delete(object.oid);
        if (fresh.success)
          this.uploads.set(object.oid, { answer: fresh.data, expiresMs: Date.now() + lifeMs, arrived: {} });
        objects.push(object);
      }
    }
    await this.save();
    return Response.json({ ...body, objects }, { headers: response.headers });
  }

  private async part(address: string, send: () => Promise<Response>): Promise<Response> {
    const upload = [...this.uploads.values()].find(({ answer }) =>
      Object.values(answer.actions.upload.header).includes(address),
    );
    const arrived = upload?.arrived[address];
    if (arrived !== undefined) return new Response(null, { headers: { ETag: arrived } });
    const response = await send().catch((error) => this.giveUp(upload, error));
    const etag = response.headers.get("ETag");
    if (upload !== undefined && etag !== null) {
      upload.arrived[address] = etag;
      await this.save();
    }
    return response;
  }

  private async completion(address: string, send: () => Promise<Response>): Promise<Response> {
    const upload = [...this.uploads.values()].find(({ answer }) => answer.actions.upload.href === address);
    const response = await send().catch((error) => this.giveUp(upload, error));
    if (upload !== undefined) await this.forget(upload);
    return response;
  }

  /**
   * A link that the hub no longer honours must not be tried again: it has expired, or it has served and the answer was
   * lost. Either way the next try asks for what is missing and gets new links.
   */
  private async giveUp(upload: Upload | undefined, error: unknown): Promise<never> {
    if (upload === undefined || !(error instanceof HubFailureError) || error.failure.kind === "retry") throw error;
    await this.forget(upload);
    throw new HubFailureError(retry("transfer-corrupt", `an upload's links do not work any more: ${error.message}`));
  }

  private async forget(upload: Upload): Promise<void> {
    this.uploads.delete(upload.answer.oid);
    await this.save();
  }

  private save(): Promise<unknown> {
    this.writing = this.writing.then(async () => {
      const aside = `${this.path}.aside`;
      await Bun.write(aside, JSON.stringify(Object.fromEntries(this.uploads)));
      await rename(aside, this.path);
    });
    return this.writing;
  }
}
