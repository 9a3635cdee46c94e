/** MevShield: extrinsics that are encrypted until their block is being built. */

import { optional, storageOf } from "../pallet.ts";
import { boundedBytes, u32 } from "../scale/type.ts";
import { bare, named, variants } from "../scale/variant.ts";
import { accountId, h256 } from "../types/substrate.ts";

const encapsulationKey = boundedBytes(2048);

export const mevShieldStorage = storageOf("MevShield", {
  CurrentKey: optional([], encapsulationKey),
  NextKey: optional([], encapsulationKey),
  NextKeyExpiresAt: optional([], u32),
});

export const mevShieldCalls = variants("pallet_shield::pallet::Call", {
  submit_encrypted: named(1, { ciphertext: boundedBytes(8192) }),
});

export const mevShieldEvents = variants("pallet_shield::pallet::Event", {
  EncryptedSubmitted: named(0, { id: h256, who: accountId }),
});

export const mevShieldErrors = variants("pallet_shield::pallet::Error", { Unreachable: bare(1) });
