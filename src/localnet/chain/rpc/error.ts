/** An error as JSON-RPC answers it. Thrown by methods, turned into an answer in one place. */
export class RpcError extends Error {
  override readonly name = "RpcError";

  constructor(
    readonly code: number,
    message: string,
    readonly data?: string,
  ) {
    super(message);
  }
}

export function invalidParams(what: string): RpcError {
  return new RpcError(-32602, `Invalid params: ${what}`);
}

/** The node's word for a block that it does not have. */
export function unknownBlock(hash: string): RpcError {
  return new RpcError(4003, `Client error: UnknownBlock: Header was not found in the database: ${hash}`);
}

/** The node's word for a state that it no longer has; Python clients look for it to ask an archive. */
export function discardedState(hash: string): RpcError {
  return new RpcError(4003, `Client error: UnknownBlock: State already discarded for ${hash}`);
}
