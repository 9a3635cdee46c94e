/**
 * Git's object ids, as the Hub shows them: blobs, LFS pointers, trees and commits. Nothing here stores anything.
 * https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
 */

/** One file of a revision. `oid` is the git blob's id: of the bytes, or of the pointer when the file is in LFS. */
export interface FileEntry {
  readonly path: string;
  readonly oid: string;
  readonly sizeBytes: number;
  /** Lower-case hex of the bytes' SHA-256: the name of the stored object. */
  readonly sha256: string;
  readonly lfs: boolean;
}

/** A folder of a revision with its tree id. */
export interface FolderEntry {
  readonly path: string;
  readonly oid: string;
}

/** The id of an object: SHA-1 over its kind, its length and its bytes. 40 hex digits. */
function objectId(kind: "blob" | "tree" | "commit", body: Uint8Array): string {
  return new Bun.CryptoHasher("sha1").update(`${kind} ${body.byteLength}\0`).update(body).digest("hex");
}

export function blobId(bytes: Uint8Array): string {
  return objectId("blob", bytes);
}

/** The text that git holds in place of a file in LFS. https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
export function lfsPointer(sha256: string, sizeBytes: number): Uint8Array {
  return new TextEncoder().encode(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${sizeBytes}\n`,
  );
}

/** Every folder of a revision, the root as `""`, with its tree id. */
export function foldersOf(files: readonly FileEntry[]): FolderEntry[] {
  const children = new Map<string, { name: string; mode: string; oid: string }[]>([["", []]]);
  const parents = (path: string) => path.split("/").slice(0, -1);
  for (const file of files) {
    const names = parents(file.path);
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = names.slice(0, depth).join("/");
      if (!children.has(folder)) children.set(folder, []);
    }
    children.get(names.join("/"))!.push({ name: file.path.split("/").at(-1)!, mode: "100644", oid: file.oid });
  }
  // The deepest folders first: a tree's id contains the ids of the trees below it.
  const paths = [...children.keys()].sort((a, b) => depthOf(b) - depthOf(a));
  return paths.map((path) => {
    const oid = treeId(children.get(path)!);
    if (path !== "") children.get(parents(path).join("/"))!.push({ name: path.split("/").at(-1)!, mode: "40000", oid });
    return { path, oid };
  });
}

function depthOf(path: string): number {
  return path === "" ? 0 : path.split("/").length;
}

function treeId(children: readonly { name: string; mode: string; oid: string }[]): string {
  // Git sorts by bytes, a folder as if its name ended in a slash.
  const key = (child: { name: string; mode: string }) =>
    Buffer.from(child.mode === "40000" ? `${child.name}/` : child.name);
  const sorted = [...children].sort((a, b) => Buffer.compare(key(a), key(b)));
  const parts = sorted.flatMap(({ name, mode, oid }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, "hex")]);
  return objectId("tree", Buffer.concat(parts));
}

/** The id of a commit of a tree by one author at a time (seconds). */
export function commitId(commit: {
  readonly treeOid: string;
  readonly parent: string | null;
  readonly author: string;
  readonly timeSeconds: number;
  readonly message: string;
}): string {
  const person = `${commit.author} <${commit.author}@localhost> ${commit.timeSeconds} +0000`;
  const parent = commit.parent === null ? "" : `parent ${commit.parent}\n`;
  const text = `tree ${commit.treeOid}\n${parent}author ${person}\ncommitter ${person}\n\n${commit.message}\n`;
  return objectId("commit", new TextEncoder().encode(text));
}
