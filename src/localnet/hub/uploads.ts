/** Uploads under way: a link that carries its own right, and the parts that have arrived. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bytes, ObjectStore, StoredObject } from "./objects.ts";
import { Refusal } from "./refusal.ts";
import { writeJson } from "./repository.ts";

export class UploadStore {
  constructor(
    private readonly folder: string,
    private readonly objects: ObjectStore,
  ) {}

  /** Opens an upload of one object; the id is unguessable and is all that its links need. */
  async open(expected: StoredObject): Promise<string> {
    const id = randomBytes(16).toString("hex");
    await writeJson(join(this.folder, id, "upload.json"), expected);
    return id;
  }

  async putWhole(id: string, bytes: Bytes): Promise<void> {
    const expected = await this.expected(id);
    await this.objects.put(bytes, { sizeBytesMax: expected.sizeBytes, expected });
    await this.close(id);
  }

  /** Stores one part and returns its ETag, which completing the upload must repeat. */
  async putPart(id: string, part: number, bytes: Bytes): Promise<string> {
    const { sizeBytes } = await this.expected(id);
    const path = join(this.folder, id, String(part));
    const aside = `${path}.${randomBytes(4).toString("hex")}`;
    const hash = createHash("md5");
    const writer = Bun.file(aside).writer();
    let received = 0;
    try {
      for await (const chunk of bytes) {
        received += chunk.byteLength;
        if (received > sizeBytes) throw new Refusal(413, "The part is longer than the whole file.");
        hash.update(chunk);
        writer.write(chunk);
        await writer.flush();
      }
      await writer.end();
      await rename(aside, path);
    } finally {
      await rm(aside, { force: true });
    }
    const etag = `"${hash.digest("hex")}"`;
    await Bun.write(`${path}.etag`, etag);
    return etag;
  }

  /** Joins the parts in their order into the object that was announced. */
  async complete(id: string, parts: readonly { readonly partNumber: number; readonly etag: string }[]): Promise<void> {
    const expected = await this.expected(id);
    const folder = join(this.folder, id);
    for (const { partNumber, etag } of parts) {
      const known = Bun.file(join(folder, `${partNumber}.etag`));
      if (!(await known.exists()) || (await known.text()) !== etag)
        throw new Refusal(400, `Part ${partNumber} is missing or has another ETag.`);
    }
    async function* joined(): AsyncGenerator<Uint8Array> {
      for (const { partNumber } of [...parts].sort((a, b) => a.partNumber - b.partNumber))
        yield* Bun.file(join(folder, String(partNumber))).stream();
    }
    await this.objects.put(joined(), { sizeBytesMax: expected.sizeBytes, expected });
    await this.close(id);
  }

  private async expected(id: string): Promise<StoredObject> {
    const file = Bun.file(join(this.folder, id, "upload.json"));
    if (!/^[0-9a-f]{32}$/.test(id) || !(await file.exists()))
      throw new Refusal(403, "The upload link is unknown or used up.");
    return file.json();
  }

  private async close(id: string): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await rm(join(this.folder, id), { recursive: true, force: true });
  }
}
