/** Signs extrinsics for tests and measurements without a client library, straight onto a chain. */
import { blake2AsU8a } from "@polkadot/util-crypto";
import { type Keypair, keypairFromUri } from "../../chain/keypair.ts";
import { prefixed } from "./extrinsic.ts";
import { type RuntimeCall, runtimeCall } from "./pallets/index.ts";
import { ScaleWriter } from "./scale/bytes.ts";
import { compactU32, compactU64, encode } from "./scale/type.ts";
import { type Account, type Era, era, eraBirth, h256, multiAddress, multiSignature } from "./types/substrate.ts";

/** What of a chain a signature is over. */
export interface SigningChain {
  readonly genesisHash: string;
  readonly version: { readonly spec_version: number; readonly transaction_version: number };
  readonly head: { readonly number: number };
  readonly hashOf: (block: number) => string | undefined;
}

/** Whoever signs: a keypair, or another scheme's pair in a test. */
export type Signer = Pick<Keypair, "publicKey" | "sign">;

export interface Signing {
  readonly scheme?: "Sr25519" | "Ed25519";
  readonly nonce?: number;
  readonly era?: Era;
  readonly tipRao?: bigint;
}

export function accountOf(keypair: Signer): Account {
  return `0x${keypair.publicKey.toHex()}`;
}

export const keypair = (uri: string): Keypair => keypairFromUri(uri);

/** The bytes of a signed extrinsic, with their length prefix. */
export function signed(
  chain: SigningChain,
  signer: Signer,
  call: RuntimeCall,
  signing: Signing & { readonly nonce: number },
): Uint8Array {
  const { nonce, tipRao = 0n } = signing;
  const mortality: Era = signing.era ?? { type: "Immortal" };
  const extra = new ScaleWriter();
  era.encode(mortality, extra);
  compactU32.encode(nonce, extra);
  compactU64.encode(tipRao, extra);
  extra.u8(0);
  const payload = new ScaleWriter();
  payload.raw(encode(runtimeCall, call));
  payload.raw(extra.bytes());
  payload.u32(chain.version.spec_version);
  payload.u32(chain.version.transaction_version);
  h256.encode(chain.genesisHash, payload);
  h256.encode(chain.hashOf(eraBirth(mortality, chain.head.number))!, payload);
  payload.u8(0);
  const message = payload.bytes();
  const signature = signer.sign(message.length > 256 ? blake2AsU8a(message, 256) : message);
  const whole = new ScaleWriter();
  whole.u8(0x84);
  multiAddress.encode({ type: "Id", value: accountOf(signer) }, whole);
  multiSignature.encode({ type: signing.scheme ?? "Sr25519", value: `0x${signature.toHex()}` }, whole);
  whole.raw(extra.bytes());
  whole.raw(encode(runtimeCall, call));
  return prefixed(whole.bytes());
}
