/** Where a subnet's mechanism keeps its weights, the calls that write them, and what the chain holds afterwards. */
import type { Block, Hotkey, Netuid, Uid } from "../subnet.ts";
import { followHeads } from "./heads.ts";
import type { Link } from "./link.ts";
import type { Plain } from "./plain.ts";
import type { Snapshot } from "./snapshot.ts";

/** A mechanism's storage lies this many netuids further on. */
const stride = 4096;

/** The key of Weights, Bonds, LastUpdate, Incentive and the commits. */
export function storageIndex(netuid: Netuid, mecid: number): number {
  return netuid + stride * mecid;
}

/** The first mechanism has calls of its own, which every runtime knows; the others' name the mechanism. */
export function weightsCall(action: "set" | "commit" | "reveal" | "commit_timelocked", mecid: number): string {
  return `SubtensorModule.${action}${mecid === 0 ? "" : "_mechanism"}_weights`;
}

/** A hotkey's hash commits that wait for their reveal: the hash, and the first block that it may be revealed in. */
export async function readHashCommits(
  snapshot: Snapshot,
  index: number,
  hotkey: Hotkey,
): Promise<readonly { readonly hash: string; readonly firstRevealBlock: Block }[]> {
  const commits = (await snapshot.value("SubtensorModule.WeightCommits", index, hotkey)) as readonly Plain[][] | null;
  return (commits ?? []).map(([hash, , first]) => ({
    hash: `0x${Buffer.from(hash as Uint8Array).toString("hex")}`,
    firstRevealBlock: Number(first),
  }));
}

/** True when the neuron's stored row has these weights, zeros aside. */
export async function rowIsStored(
  snapshot: Snapshot,
  index: number,
  uid: Uid,
  row: { readonly uids: readonly Uid[]; readonly values: readonly number[] },
): Promise<boolean> {
  const stored = (await snapshot.value("SubtensorModule.Weights", index, uid)) as readonly (readonly [Uid, number])[];
  const wanted = row.uids.flatMap((to, at) => (row.values[at]! > 0 ? [`${to}:${row.values[at]}`] : []));
  const found = stored.filter(([, value]) => value > 0).map(([to, value]) => `${to}:${value}`);
  return found.sort().join() === wanted.sort().join();
}

/** False when the signal aborts first. */
export async function waitForBlock(link: Link, block: Block, signal?: AbortSignal): Promise<boolean> {
  for await (const head of followHeads(link, signal === undefined ? {} : { signal }))
    if (head.number >= block) return true;
  return false;
}
