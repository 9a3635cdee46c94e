/** Submitting extrinsics and following them; nonces and fees. */
import { decodeAddress } from "@polkadot/util-crypto";
import type { Chain } from "../chain.ts";
import { feeRao } from "../dispatch.ts";
import { decodeSigned, type SignedExtrinsic } from "../extrinsic.ts";
import { MalformedBytes } from "../scale/bytes.ts";
import type { Account } from "../types/substrate.ts";
import { invalidParams, RpcError } from "./error.ts";
import { hex } from "./json.ts";
import type { Methods } from "./method.ts";
import { hexBytes, text } from "./params.ts";

export const extrinsicMethods: Methods = {
  author_submitExtrinsic: ({ chain }, [encoded]) => submit(chain, encoded).extrinsic.hash,
  author_submitAndWatchExtrinsic: ({ chain, connection }, [encoded]) => {
    const { extrinsic, status } = submit(chain, encoded);
    return connection.subscribe("author_extrinsicUpdate", (notify) => {
      notify(status);
      return chain.follow(extrinsic.hash, (fate) =>
        notify(fate.type === "invalid" ? "invalid" : { [fate.type]: fate.block }),
      );
    });
  },
  author_unwatchExtrinsic: ({ connection }, [id]) => connection.unsubscribe(id),
  author_pendingExtrinsics: ({ chain }) => chain.pool.pending().map(({ bytes }) => hex(bytes)),
  payment_queryInfo: (_, [encoded]) => {
    const bytes = hexBytes(encoded, "the extrinsic");
    try {
      const { call } = decodeSigned(bytes);
      const weight = { ref_time: 0, proof_size: 0 };
      return { weight, class: "normal", partialFee: String(feeRao(call, bytes.length)) };
    } catch (error) {
      if (error instanceof MalformedBytes) throw invalidParams(error.message);
      throw error;
    }
  },
};

function submit(chain: Chain, encoded: unknown): { extrinsic: SignedExtrinsic; status: "ready" | "future" } {
  const result = chain.submit(hexBytes(encoded, "the extrinsic"));
  if ("code" in result) throw new RpcError(result.code, result.message, result.data);
  return result;
}

/** An account given as an address. */
export function accountOf(value: unknown): Account {
  try {
    return hex(decodeAddress(text(value, "an address")));
  } catch {
    throw invalidParams("an address was expected");
  }
}
