/** The wallets of a local subnet: keys that everybody knows, in the files that every tool of the ecosystem reads. */
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { keypairFromUri } from "../chain/keypair.ts";
import { keyfilePath, type WalletLocation, writeKey } from "../chain/wallet.ts";
import type { Hotkey } from "../subnet.ts";

/** Writes a wallet of two key URIs, unless it is there; returns the hotkey's address. */
export async function writeWallet(
  location: WalletLocation,
  uris: { readonly coldkey: string; readonly hotkey: string },
): Promise<Hotkey> {
  await cryptoWaitReady();
  for (const role of ["coldkey", "hotkey"] as const) {
    if (await Bun.file(keyfilePath(location, role)).exists()) continue;
    const material = { keypair: keypairFromUri(uris[role]), phrase: undefined, seed: undefined };
    await writeKey(location, role, material, { password: undefined, overwrite: false });
  }
  return keypairFromUri(uris.hotkey).ss58Address;
}
