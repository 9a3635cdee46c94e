/** Neurons one by one, as NeuronInfoRuntimeApi answers them. */
import { subnetExists } from "../calls/neurons.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { ValueOf } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import type { neuronInfo, neuronInfoLite } from "../types/subnet.ts";
import { neuronColumns, noAxon } from "./metagraph.ts";

type Lite = ValueOf<typeof neuronInfoLite>;

const noPrometheus: Lite["prometheus_info"] = { block: 0n, version: 0, ip: 0n, port: 0, ip_type: 0 };

/** Every neuron without its weights and bonds; none for a subnet that does not exist. */
export function neuronsLite(state: StateView, netuid: number): Lite[] {
  if (!subnetExists(state, netuid)) return [];
  const columns = neuronColumns(state, netuid, 0);
  return columns.hotkeys.map((hotkey, uid): Lite => {
    const coldkey = columns.coldkeys[uid]!;
    return {
      hotkey,
      coldkey,
      uid,
      netuid,
      active: columns.active[uid]!,
      axon_info: state.get(storage.Axons, netuid, hotkey) ?? noAxon,
      prometheus_info: state.get(storage.Prometheus, netuid, hotkey) ?? noPrometheus,
      // The runtime lists the whole stake of a hotkey under its coldkey here.
      stake: [[coldkey, columns.total_stake[uid]!]],
      rank: 0,
      emission: columns.emission[uid]!,
      incentive: columns.incentives[uid]!,
      consensus: columns.consensus[uid]!,
      trust: 0,
      validator_trust: state.get(storage.ValidatorTrust, netuid)[uid]!,
      dividends: columns.dividends[uid]!,
      last_update: columns.last_update[uid]!,
      validator_permit: columns.validator_permit[uid]!,
      pruning_score: 0,
    };
  });
}

export function neurons(state: StateView, netuid: number): ValueOf<typeof neuronInfo>[] {
  return neuronsLite(state, netuid).map(({ pruning_score, ...lite }) => ({
    ...lite,
    weights: state.get(storage.Weights, netuid, lite.uid),
    bonds: state.get(storage.Bonds, netuid, lite.uid),
    pruning_score,
  }));
}
