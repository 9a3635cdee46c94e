/** Registers a hotkey in a subnet for the subnet's price, which is burned. */
import type { Hotkey, Netuid } from "../subnet.ts";
import { readRegistration } from "./account.ts";
import { readNamed } from "./hyperparameters.ts";
import type { Link } from "./link.ts";
import { readBack } from "./read-back.ts";
import type { Signer } from "./runtime.ts";
import { Snapshot } from "./snapshot.ts";
import { type Pending, refusedBeforehand, type Submission, type Submitter } from "./submission.ts";

export interface NewRegistration {
  readonly netuid: Netuid;
  /** Pays, and owns the hotkey from then on. */
  readonly coldkey: Signer;
  readonly hotkey: Hotkey;
  readonly onSigned?: (pending: Pending) => void | Promise<void>;
}

export async function submitRegistration(
  link: Link,
  submitter: Submitter,
  { netuid, coldkey, hotkey, onSigned }: NewRegistration,
): Promise<Submission> {
  const refused = await refusedRegistration(await Snapshot.at(link), { netuid, coldkey, hotkey });
  if (refused !== undefined) return refused;
  const submission = await submitter.submit({
    path: "SubtensorModule.burned_register",
    args: () => ({ netuid, hotkey }),
    signer: coldkey,
    ...(onSigned === undefined ? {} : { onSigned }),
  });
  return await readBack(link, submission, async (at) => (await readRegistration(at, netuid, hotkey)) !== undefined);
}

async function refusedRegistration(
  snapshot: Snapshot,
  { netuid, coldkey, hotkey }: NewRegistration,
): Promise<Submission | undefined> {
  const found = await readNamed(snapshot, {
    added: ["SubtensorModule.NetworksAdded", netuid],
    allowed: ["SubtensorModule.NetworkRegistrationAllowed", netuid],
    burn: ["SubtensorModule.Burn", netuid],
    uid: ["SubtensorModule.Uids", netuid, hotkey],
    account: ["System.Account", coldkey.ss58Address],
    owner: ["SubtensorModule.Owner", hotkey],
  });
  if (netuid === 0) return refusedBeforehand("RegistrationNotPermittedOnRootSubnet");
  if (found.added !== true) return refusedBeforehand("SubnetNotExists");
  if (found.allowed !== true) return refusedBeforehand("SubNetRegistrationDisabled");
  if (found.uid !== null) return refusedBeforehand("HotKeyAlreadyRegisteredInSubNet");
  const { data } = found.account as { data: { free: bigint } };
  const depositRao = BigInt((snapshot.runtime.constant("Balances.ExistentialDeposit") ?? 0n) as bigint);
  if (data.free < (found.burn as bigint) + depositRao) return refusedBeforehand("NotEnoughBalanceToStake");
  const nobody = snapshot.runtime.storageValue("SubtensorModule.Owner", null);
  if (found.owner !== nobody && found.owner !== coldkey.ss58Address) return refusedBeforehand("NonAssociatedColdKey");
  return undefined;
}
