/** What a JSON-RPC method is: it reads the chain, may subscribe on the connection, and throws `RpcError`. */
import type { Chain } from "../chain.ts";
import type { Connection } from "./connection.ts";
import type { Params } from "./params.ts";

export interface Caller {
  readonly chain: Chain;
  readonly connection: Connection;
}

export type Method = (caller: Caller, params: Params) => unknown;
export type Methods = Readonly<Record<string, Method>>;
