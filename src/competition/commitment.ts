/**
 * What a miner writes on the chain: `namespace:name:revision:secure_hash:competition_id`, at most 128 bytes. The original
 * reads it loosely (any text in any field, Python's integers, four fields as an older form without protection against
 * copying); here a commitment is what a miner's tools write, or it is refused with the reason.
 */
import { type Invalid, invalid } from "../base/invalid.ts";

export interface CommittedModel {
  readonly namespace: string;
  readonly name: string;
  /** The hub commit: 40 hexadecimal digits. */
  readonly revision: string;
  /** base64(sha256(directory hash + hotkey)). */
  readonly secureHash: string;
  readonly competitionId: number;
}

export const commitmentBytesMax = 128;
/** `namespace/name`: what is left of the 128 bytes beside revision, hash, a two-digit id and the separators. */
export const repositoryNameLengthMax = 38;

export type CommitmentProblem =
  | "not-utf8"
  | "too-long"
  | "wrong-field-count"
  | "bad-repository"
  | "bad-revision"
  | "bad-hash"
  | "bad-competition";

/** Reads a commitment's bytes. */
export function readCommitment(data: Uint8Array): CommittedModel | (Invalid & { reason: CommitmentProblem }) {
  if (data.length > commitmentBytesMax)
    return invalid("too-long", `A commitment has at most ${commitmentBytesMax} bytes; this one has ${data.length}.`);
  try {
    return parseCommitment(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  } catch {
    return invalid("not-utf8", "The commitment is not a text in UTF-8.");
  }
}

/** Reads a commitment's text. */
export function parseCommitment(text: string): CommittedModel | (Invalid & { reason: CommitmentProblem }) {
  const fields = text.split(":");
  if (fields.length !== 5)
    return invalid(
      "wrong-field-count",
      `A commitment is namespace:name:revision:secure_hash:competition_id; this one has ${fields.length} fields.`,
    );
  const [namespace, name, revision, secureHash, id] = fields as [string, string, string, string, string];
  const repository = parseRepositoryName(`${namespace}/${name}`);
  if ("kind" in repository) return repository;
  if (!/^[0-9a-f]{40}$/.test(revision))
    return invalid("bad-revision", `\`${revision}\` is not a revision: 40 hexadecimal digits in lower case.`);
  // 32 bytes are 43 digits and one padding sign; the last digit carries four bits.
  if (!/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(secureHash))
    return invalid("bad-hash", `\`${secureHash}\` is not a SHA-256 in base64.`);
  if (!/^(0|[1-9]\d{0,4})$/.test(id) || Number(id) > 65_535)
    return invalid("bad-competition", `\`${id}\` is not a competition's number.`);
  return { namespace, name, revision, secureHash, competitionId: Number(id) };
}

/** Writes a commitment, in the form that every validator of the subnet reads. Missing fields are written as `None`. */
export function formatCommitment(model: {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string | null;
  readonly secureHash: string | null;
  readonly competitionId: number;
}): string {
  const { namespace, name, revision, secureHash, competitionId } = model;
  return [namespace, name, revision ?? "None", secureHash ?? "None", competitionId].join(":");
}

/** Splits `namespace/name`, which must be a name that the hub gives and short enough for a commitment. */
export function parseRepositoryName(
  id: string,
): { readonly namespace: string; readonly name: string } | (Invalid & { reason: "bad-repository" }) {
  if (id.length > repositoryNameLengthMax)
    return invalid(
      "bad-repository",
      `\`${id}\` has ${id.length} characters; a commitment has room for ${repositoryNameLengthMax}.`,
    );
  const [namespace = "", name = "", ...rest] = id.split("/");
  const isName = (part: string) => /^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$/.test(part);
  if (rest.length > 0 || !isName(namespace) || !isName(name) || id.length <= 3)
    return invalid("bad-repository", `\`${id}\` is not a repository's name: namespace/name of at least 4 characters.`);
  return { namespace, name };
}
