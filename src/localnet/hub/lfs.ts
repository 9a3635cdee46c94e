/** Routes of large files: which objects are missing, their bytes whole or in parts. The protocol is Git LFS's batch API. */
import { bodyOf, type Call, jsonOf, writable } from "./call.ts";
import { Refusal } from "./refusal.ts";

/** `POST /[{type}/]{namespace}/{name}.git/info/lfs/objects/batch` */
export async function lfsBatch(call: Call): Promise<Response> {
  const { uploads, objects, partBytes } = call.hub;
  await writable(call);
  const body = await jsonOf(call.request);
  if (body.operation !== "upload") throw new Refusal(422, "Only uploads go through LFS here; download with resolve.");
  const wanted = (Array.isArray(body.objects) ? body.objects : []).map(checkedObject);
  await refuseBeyondQuota(call, wanted);
  const multipart = Array.isArray(body.transfers) && body.transfers.includes("multipart");
  const verify = { href: `${call.url.href.replace(/\/objects\/batch.*$/, "")}/verify` };
  const answered = await Promise.all(
    wanted.map(async ({ oid, size }) => {
      if (await objects.has(oid, size)) return { oid, size };
      const link = `${call.url.origin}/lfs-uploads/${await uploads.open({ sha256: oid, sizeBytes: size })}`;
      if (!multipart || size <= partBytes) return { oid, size, actions: { upload: { href: link }, verify } };
      const header: Record<string, string> = { chunk_size: String(partBytes) };
      for (let part = 1; part <= Math.ceil(size / partBytes); part++)
        header[String(part).padStart(5, "0")] = `${link}/${part}`;
      return { oid, size, actions: { upload: { href: `${link}/complete`, header, expires_in: 86400 }, verify } };
    }),
  );
  const transfer = answered.some(({ actions }) => actions !== undefined && "header" in actions.upload)
    ? "multipart"
    : "basic";
  return Response.json({ transfer, objects: answered });
}

/** `POST /[{type}/]{namespace}/{name}.git/info/lfs/verify` */
export async function lfsVerify(call: Call): Promise<Response> {
  await writable(call);
  const { oid, size } = checkedObject(await jsonOf(call.request));
  if (!(await call.hub.objects.has(oid, size))) throw new Refusal(404, "The object has not been uploaded.");
  return new Response(null, { status: 200 });
}

/** `PUT /lfs-uploads/{upload}`: the whole file. No Authorization: the link carries its own right. */
export async function putWhole(call: Call): Promise<Response> {
  await call.hub.uploads.putWhole(call.params.upload!, bodyOf(call.request));
  return new Response(null, { status: 200 });
}

/** `PUT /lfs-uploads/{upload}/{part}` */
export async function putPart(call: Call): Promise<Response> {
  const part = Number(call.params.part);
  if (!Number.isInteger(part) || part < 1 || part > 10_000) throw new Refusal(400, "Part numbers are 1 to 10000.");
  const etag = await call.hub.uploads.putPart(call.params.upload!, part, bodyOf(call.request));
  return new Response(null, { status: 200, headers: { ETag: etag } });
}

/** `POST /lfs-uploads/{upload}/complete` */
export async function completeParts(call: Call): Promise<Response> {
  const body = await jsonOf(call.request);
  if (!Array.isArray(body.parts)) throw new Refusal(400, "The body must list the parts.");
  await call.hub.uploads.complete(call.params.upload!, body.parts);
  return new Response(null, { status: 200 });
}

function checkedObject(value: { oid?: unknown; size?: unknown }): { oid: string; size: number } {
  const { oid, size } = value;
  if (typeof oid !== "string" || !/^[0-9a-f]{64}$/.test(oid) || !Number.isSafeInteger(size) || (size as number) < 0)
    throw new Refusal(422, "An LFS object needs a SHA-256 in hex and a size.");
  return { oid, size: size as number };
}

async function refuseBeyondQuota({ hub, account }: Call, wanted: readonly { size: number }[]): Promise<void> {
  if (hub.quotaBytes === Number.POSITIVE_INFINITY) return;
  const owned = (await hub.repositories.list("model")).filter(({ namespace }) => hub.accounts.owns(account, namespace));
  const heads = await Promise.all(owned.map((repository) => hub.repositories.resolve(repository, "main")));
  const stored = heads.flatMap(({ files }) => files).reduce((sum, file) => sum + file.sizeBytes, 0);
  if (stored + wanted.reduce((sum, { size }) => sum + size, 0) > hub.quotaBytes)
    throw new Refusal(403, "Storage limit reached, please upgrade your plan to increase your storage limit.");
}
