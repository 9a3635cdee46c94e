/**
 * The local hub: the part of the Hugging Face Hub's HTTP interface that its JavaScript and Python clients use for
 * models, on loopback, with everything under one folder. It can be killed at any moment and started again.
 */
import { join } from "node:path";
import { Accounts } from "./accounts.ts";
import { authenticate, type Call, type Hub, jsonOf } from "./call.ts";
import { FaultInjector, type Faults, faultsSchema } from "./faults.ts";
import * as lfs from "./lfs.ts";
import * as manage from "./manage.ts";
import { ObjectStore } from "./objects.ts";
import * as read from "./read.ts";
import { Refusal } from "./refusal.ts";
import { RepositoryStore } from "./repository.ts";
import { UploadStore } from "./uploads.ts";
import * as write from "./write.ts";

export interface HubOptions {
  readonly folder: string;
  /** 0: any free port. */
  readonly port?: number;
  /** Accounts that must exist; the first is the hub's own. Tokens not given are drawn once and kept in the folder. */
  readonly accounts?: readonly { readonly name: string; readonly token?: string }[];
  /** Files up to this size are committed inline (default 16 MiB), so that clients bound to Xet for LFS work too. */
  readonly regularBytesMax?: number;
  readonly partBytes?: number;
  readonly quotaBytes?: number;
  readonly pageEntries?: number;
  readonly faults?: Faults;
  readonly seed?: number;
}

export interface RunningHub {
  readonly url: string;
  readonly accounts: readonly { readonly name: string; readonly token: string }[];
  /** Replaces what goes wrong from now on, everywhere. */
  setFaults(faults: Faults): void;
  close(): Promise<void>;
}

/** Starts the hub on 127.0.0.1. Throws when the folder cannot be written or the port is taken. */
export async function startHub(options: HubOptions): Promise<RunningHub> {
  const { folder } = options;
  const objects = new ObjectStore(join(folder, "objects"));
  await objects.clear();
  const hub: Hub = {
    accounts: await Accounts.open(folder, options.accounts ?? [{ name: "local" }]),
    objects,
    repositories: new RepositoryStore(join(folder, "repositories"), objects),
    uploads: new UploadStore(join(folder, "uploads"), objects),
    faults: new FaultInjector(options.faults ?? {}, options.seed ?? 0),
    faultsOf: new Map(),
    regularBytesMax: options.regularBytesMax ?? 16 * 2 ** 20,
    partBytes: options.partBytes ?? 64 * 2 ** 20,
    quotaBytes: options.quotaBytes ?? Number.POSITIVE_INFINITY,
    pageEntries: options.pageEntries ?? 1000,
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    idleTimeout: 120,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    routes: routesOf(hub),
    fetch: () => new Refusal(404, "There is nothing here.").response(),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    accounts: hub.accounts.all,
    setFaults: (faults) => setFaults(hub, faults),
    close: () => server.stop(true),
  };
}

type Handler = (call: Call) => Response | Promise<Response>;
type Routed = Request & { readonly params: Readonly<Record<string, string>> };

/** The whole interface. Models have no prefix outside /api, the other types have theirs. */
function routesOf(hub: Hub) {
  const route = (handler: Handler) => (request: Routed) => answer(hub, request, handler);
  const download = (handler: Handler) => async (request: Routed) =>
    faultsOf(hub, request).after(await answer(hub, request, handler));
  const repository = "/api/:type/:namespace/:name";
  const routes: Record<string, Record<string, (request: Routed) => Promise<Response>>> = {
    "/api/whoami-v2": { GET: route(manage.whoAmI) },
    "/api/validate-yaml": { POST: route(() => Response.json({ errors: [], warnings: [] })) },
    "/api/repos/create": { POST: route(manage.createRepository) },
    "/api/repos/delete": { DELETE: route(manage.deleteRepository) },
    "/api/:type": { GET: route(manage.listRepositories) },
    [repository]: { GET: route(manage.repositoryInfo) },
    [`${repository}/revision/:revision`]: { GET: route(manage.repositoryInfo) },
    [`${repository}/settings`]: { PUT: route(manage.changeSettings) },
    [`${repository}/refs`]: { GET: route(manage.listRefs) },
    [`${repository}/commits/:revision`]: { GET: route(manage.listCommits) },
    [`${repository}/branch/:branch`]: { POST: route(manage.createBranch), DELETE: route(manage.deleteBranch) },
    [`${repository}/tree/:revision`]: { GET: route(read.listTree) },
    [`${repository}/tree/:revision/*`]: { GET: route(read.listTree) },
    [`${repository}/paths-info/:revision`]: { POST: route(read.pathsInfo) },
    [`${repository}/preupload/:revision`]: { POST: route(write.preupload) },
    [`${repository}/commit/:branch`]: { POST: route(write.commitFiles) },
    "/lfs-uploads/:upload": { PUT: route(lfs.putWhole) },
    "/lfs-uploads/:upload/complete": { POST: route(lfs.completeParts) },
    "/lfs-uploads/:upload/:part": { PUT: route(lfs.putPart) },
    // Tests of programs in other processes change the faults over HTTP, of one repository or of all; this is not the Hub's.
    "/localnet/faults": { PUT: (request) => changeFaults(hub, request) },
  };
  for (const prefix of ["/:namespace/:name", "/:type/:namespace/:name"]) {
    routes[`${prefix}/resolve/:revision/*`] = { GET: download(read.resolveFile), HEAD: route(read.resolveFile) };
    routes[`${prefix}/raw/:revision/*`] = { GET: download(read.rawFile) };
    routes[`${prefix}/info/lfs/objects/batch`] = { POST: route(lfs.lfsBatch) };
    routes[`${prefix}/info/lfs/verify`] = { POST: route(lfs.lfsVerify) };
  }
  return routes;
}

/** Serves one request: faults first, then the route, and a refusal turned into its response. */
async function answer(hub: Hub, request: Routed, handler: Handler): Promise<Response> {
  const fault = await faultsOf(hub, request).before(request);
  if (fault !== null) return fault;
  try {
    const account = authenticate(hub, request);
    return await handler({ hub, request, url: new URL(request.url), params: request.params, account });
  } catch (error) {
    if (error instanceof Refusal) return error.response();
    // The client hung up in the middle of its upload: there is nobody left to answer.
    if (request.signal.aborted) return new Response(null, { status: 499 });
    throw error;
  }
}

async function changeFaults(hub: Hub, request: Request): Promise<Response> {
  const parsed = faultsSchema.safeParse(await jsonOf(request));
  if (!parsed.success) return new Refusal(400, "Send an object of fault → probability.").response();
  const repository = new URL(request.url).searchParams.get("repository");
  if (repository === null) setFaults(hub, parsed.data);
  else hub.faultsOf.set(repository, new FaultInjector(parsed.data, 0));
  return Response.json(parsed.data);
}

function setFaults(hub: Hub, faults: Faults): void {
  hub.faults.faults = faults;
  hub.faultsOf.clear();
}

function faultsOf(hub: Hub, { params: { namespace, name } }: Routed): FaultInjector {
  return hub.faultsOf.get(`${namespace}/${name}`) ?? hub.faults;
}
