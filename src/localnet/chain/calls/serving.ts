/** Where a neuron can be reached, for those who look for its axon in the metagraph. */
import { subtensorFailure } from "../pallets/failures.ts";
import type { SubtensorCall } from "../pallets/subtensor-calls.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { Runtime } from "../runtime.ts";
import type { Account } from "../types/substrate.ts";
import { uidOf } from "./weights.ts";

type ServeAxon = Extract<SubtensorCall, { type: "serve_axon" }>["value"];
type ServePrometheus = Extract<SubtensorCall, { type: "serve_prometheus" }>["value"];

export function serveAxon(runtime: Runtime, hotkey: Account, { netuid, ...endpoint }: ServeAxon): void {
  const { state, block } = runtime;
  checkEndpoint(runtime, netuid, hotkey, endpoint, state.get(storage.Axons, netuid, hotkey)?.block);
  state.set(storage.Axons, [netuid, hotkey], { block: BigInt(block), ...endpoint });
  runtime.deposit({ type: "SubtensorModule", value: { type: "AxonServed", value: [netuid, hotkey] } });
}

export function servePrometheus(runtime: Runtime, hotkey: Account, { netuid, ...endpoint }: ServePrometheus): void {
  const { state, block } = runtime;
  checkEndpoint(runtime, netuid, hotkey, endpoint, state.get(storage.Prometheus, netuid, hotkey)?.block);
  state.set(storage.Prometheus, [netuid, hotkey], { block: BigInt(block), ...endpoint });
  runtime.deposit({ type: "SubtensorModule", value: { type: "PrometheusServed", value: [netuid, hotkey] } });
}

function checkEndpoint(
  { state, block }: Runtime,
  netuid: number,
  hotkey: Account,
  { port, ip_type }: { port: number; ip_type: number },
  last: bigint | undefined,
): void {
  uidOf(state, netuid, hotkey);
  if (ip_type !== 4 && ip_type !== 6) throw subtensorFailure("InvalidIpType");
  if (port === 0) throw subtensorFailure("InvalidPort");
  const limit = state.get(storage.ServingRateLimit, netuid);
  if (last !== undefined && last > 0n && BigInt(block) - last < limit)
    throw subtensorFailure("ServingRateLimitExceeded");
}
