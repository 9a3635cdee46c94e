/** Routes that make, show, change and delete repositories, and say who is asking. */
import { type Call, checkedName, jsonOf, page, readable, requireAccount, writable } from "./call.ts";
import { Refusal } from "./refusal.ts";
import { type Repository, type RepositoryName, repositoryTypes } from "./repository.ts";

/** `GET /api/whoami-v2` */
export function whoAmI(call: Call): Response {
  const account = requireAccount(call);
  const entity = (name: string) => ({
    id: idOf(name),
    name,
    fullname: name,
    canPay: false,
    avatarUrl: "",
    periodEnd: null,
  });
  return Response.json({
    type: "user",
    ...entity(account.name),
    email: `${account.name}@localhost`,
    emailVerified: true,
    isPro: false,
    billingMode: "prepaid",
    orgs: call.hub.accounts
      .namespacesOf(account)
      .map((name) => ({ type: "org", ...entity(name), email: null, roleInOrg: "admin", isEnterprise: false })),
    auth: {
      type: "access_token",
      accessToken: { displayName: "local", role: "write", createdAt: new Date(0).toISOString() },
    },
  });
}

/** `POST /api/repos/create` */
export async function createRepository(call: Call): Promise<Response> {
  const account = requireAccount(call);
  const body = await jsonOf(call.request);
  const name = nameInBody(call, body);
  if (!(await call.hub.accounts.claim(account, name.namespace)))
    throw new Refusal(
      403,
      `You don't have the rights to create a ${name.type} under the namespace "${name.namespace}".`,
    );
  const created = await call.hub.repositories.create(name, {
    private: wantsPrivate(body) ?? false,
    author: account.name,
  });
  const url = addressOf(call, name);
  if (created === null) throw new Refusal(409, `You already created this ${name.type} repo`, undefined, { url });
  return Response.json({ url, id: `${name.namespace}/${name.name}`, name: `${name.namespace}/${name.name}` });
}

/** `DELETE /api/repos/delete` */
export async function deleteRepository(call: Call): Promise<Response> {
  const body = await jsonOf(call.request);
  const { type, namespace, name } = nameInBody(call, body);
  const repository = await writable({ ...call, params: { type: `${type}s`, namespace, name } });
  await call.hub.repositories.delete(repository);
  return new Response("OK");
}

/** `PUT /api/{type}/{namespace}/{name}/settings` */
export async function changeSettings(call: Call): Promise<Response> {
  const repository = await writable(call);
  const wanted = wantsPrivate(await jsonOf(call.request));
  if (wanted === undefined)
    throw new Refusal(400, "Only the visibility can be changed here: send visibility or private.");
  const changed = await call.hub.repositories.change(repository, (now) => ({ ...now, private: wanted }));
  return Response.json({ private: changed.private });
}

/** `GET /api/{type}/{namespace}/{name}[/revision/{revision}]` */
export async function repositoryInfo(call: Call): Promise<Response> {
  const repository = await readable(call);
  return Response.json(await describe(call, repository, call.params.revision ?? "main"));
}

/** `GET /api/{type}?author=&search=` */
export async function listRepositories(call: Call): Promise<Response> {
  const type = repositoryTypes.find((known) => `${known}s` === call.params.type);
  if (type === undefined) throw new Refusal(404, "There is nothing here.");
  const author = call.url.searchParams.get("author");
  const search = call.url.searchParams.get("search")?.toLowerCase() ?? "";
  const visible = (await call.hub.repositories.list(type)).filter(
    ({ private: hidden, namespace, name }) =>
      (!hidden || call.hub.accounts.owns(call.account, namespace)) &&
      (author === null || author === namespace) &&
      `${namespace}/${name}`.toLowerCase().includes(search),
  );
  const described = await Promise.all(visible.map((repository) => describe(call, repository, "main")));
  return page(call, described, (entry) => entry);
}

async function describe(call: Call, repository: Repository, revision: string) {
  const commit = await call.hub.repositories.resolve(repository, revision);
  const blobs = call.url.searchParams.get("blobs")?.toLowerCase() === "true";
  const id = `${repository.namespace}/${repository.name}`;
  return {
    _id: repository.internalId,
    id,
    ...(repository.type === "model" ? { modelId: id } : {}),
    author: repository.namespace,
    sha: commit.id,
    createdAt: repository.createdAt,
    lastModified: commit.date,
    private: repository.private,
    gated: false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    siblings: commit.files.map((file) => ({
      rfilename: file.path,
      ...(blobs ? { size: file.sizeBytes, blobId: file.oid } : {}),
      ...(blobs && file.lfs ? { lfs: { sha256: file.sha256, size: file.sizeBytes, pointerSize: 134 } } : {}),
    })),
  };
}

/** The body names a repository as {name, organization, type} or {name: "namespace/name"}; no namespace: one's own. */
function nameInBody(call: Call, body: Record<string, unknown>): RepositoryName {
  const type = repositoryTypes.find((known) => known === (body.type ?? "model"));
  if (type === undefined || typeof body.name !== "string")
    throw new Refusal(400, "The body needs a name and a known type.");
  const [first, second] = body.name.split("/");
  const organization = typeof body.organization === "string" ? body.organization : requireAccount(call).name;
  return second === undefined ? checkedName(type, organization, first!) : checkedName(type, first!, second);
}

function wantsPrivate(body: Record<string, unknown>): boolean | undefined {
  if (typeof body.visibility === "string") return body.visibility === "private";
  return typeof body.private === "boolean" ? body.private : undefined;
}

/** The page of a repository, as clients show it. */
export function addressOf({ url }: Call, { type, namespace, name }: RepositoryName): string {
  return `${url.origin}/${type === "model" ? "" : `${type}s/`}${namespace}/${name}`;
}

function idOf(name: string): string {
  return new Bun.CryptoHasher("sha1").update(name).digest("hex").slice(0, 24);
}

/** `POST /api/{type}/{namespace}/{name}/branch/{branch}` */
export async function createBranch(call: Call): Promise<Response> {
  const repository = await writable(call);
  const branch = call.params.branch!;
  const body = (await call.request.json().catch(() => ({}))) as { startingPoint?: string; overwrite?: boolean };
  const start = await call.hub.repositories.resolve(repository, body.startingPoint ?? "main");
  await call.hub.repositories.change(repository, (now) => {
    if (Object.hasOwn(now.branches, branch) && body.overwrite !== true)
      throw new Refusal(409, `Reference already exists: refs/heads/${branch}`);
    return { ...now, branches: { ...now.branches, [branch]: start.id } };
  });
  return Response.json({}, { status: 201 });
}

/** `DELETE /api/{type}/{namespace}/{name}/branch/{branch}` */
export async function deleteBranch(call: Call): Promise<Response> {
  const repository = await writable(call);
  const branch = call.params.branch!;
  if (branch === "main") throw new Refusal(403, "The default branch cannot be deleted.");
  await call.hub.repositories.change(repository, (now) => {
    if (!Object.hasOwn(now.branches, branch)) throw new Refusal(404, `Invalid rev id: ${branch}`, "RevisionNotFound");
    const { [branch]: _, ...kept } = now.branches;
    return { ...now, branches: kept };
  });
  return new Response(null, { status: 204 });
}

/** `GET /api/{type}/{namespace}/{name}/refs` */
export async function listRefs(call: Call): Promise<Response> {
  const { branches } = await readable(call);
  const shown = Object.entries(branches).map(([name, targetCommit]) => ({
    name,
    ref: `refs/heads/${name}`,
    targetCommit,
  }));
  return Response.json({ branches: shown, tags: [], converts: [] });
}

/** `GET /api/{type}/{namespace}/{name}/commits/{revision}` */
export async function listCommits(call: Call): Promise<Response> {
  const repository = await readable(call);
  const chain = [await call.hub.repositories.resolve(repository, call.params.revision!)];
  for (let parent = chain[0]!.parent; parent !== null; parent = chain.at(-1)!.parent)
    chain.push(await call.hub.repositories.resolve(repository, parent));
  return page(call, chain, ({ id, title, description, author, date }) => ({
    id,
    title,
    message: description,
    date,
    authors: [{ user: author, avatar: "" }],
  }));
}
