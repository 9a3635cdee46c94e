/** Balances and stake of accounts. Amounts are in rao: 1 TAO is 1,000,000,000 rao. */
import type { Coldkey, Hotkey, Netuid, Ss58, Uid } from "../subnet.ts";
import type { Link } from "./link.ts";
import { Snapshot } from "./snapshot.ts";

export interface Balance {
  readonly freeRao: bigint;
  readonly reservedRao: bigint;
  readonly nonce: number;
}

/** A hotkey's place in a subnet, or why it has none. */
export interface Registration {
  readonly uid: Uid;
  readonly coldkey: Coldkey;
}

export async function readBalance(link: Link, account: Ss58): Promise<Balance> {
  const value = await (await Snapshot.at(link)).value("System.Account", account);
  const { nonce, data } = value as { nonce: number; data: { free: bigint; reserved: bigint } };
  return { freeRao: data.free, reservedRao: data.reserved, nonce };
}

/** The neuron that a hotkey is in a subnet, or undefined when it is not registered there. */
export async function readRegistration(
  snapshot: Snapshot,
  netuid: Netuid,
  hotkey: Hotkey,
): Promise<Registration | undefined> {
  const [uid, coldkey] = await snapshot.values([
    ["SubtensorModule.Uids", netuid, hotkey],
    ["SubtensorModule.Owner", hotkey],
  ]);
  return uid === null ? undefined : { uid: Number(uid), coldkey: String(coldkey) };
}
