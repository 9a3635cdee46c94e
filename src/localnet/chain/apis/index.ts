/** The runtime APIs that the local chain answers, and their place in the metadata. */

import { alphaPriceRao } from "../calls/swap.ts";
import { feeRao } from "../dispatch.ts";
import { decodeSigned, prefixed } from "../extrinsic.ts";
import { systemStorage } from "../pallets/system.ts";
import { bytes, option, struct, tuple, u8, u16, u32, u64, vec, wrapper } from "../scale/type.ts";
import {
  delegateInfo,
  dynamicInfo,
  hyperparamEntry,
  metagraph,
  neuronInfo,
  neuronInfoLite,
  selectiveMetagraph,
  stakeInfo,
  subnetHyperparams,
  subnetHyperparamsV2,
  subnetInfo,
  subnetState,
} from "../types/subnet.ts";
import { accountId, dispatchClass, opaqueExtrinsic, runtimeVersion, weight } from "../types/substrate.ts";
import { metagraphOf, selectiveMetagraphOf } from "./metagraph.ts";
import { neurons, neuronsLite } from "./neurons.ts";
import { delegateOf, stakeOf, stakesOf } from "./stakes.ts";
import {
  dynamicInfoOf,
  hyperparamsOf,
  hyperparamsV2Of,
  hyperparamsV3Of,
  netuidsOf,
  nextEpochOf,
  subnetInfoOf,
  subnetStateOf,
} from "./subnets.ts";
import { type ApiTable, method } from "./table.ts";

const dispatchFee = struct("pallet_transaction_payment::types::RuntimeDispatchInfo", {
  weight,
  class: dispatchClass,
  partial_fee: u64,
});
const inclusionFee = struct("pallet_transaction_payment::types::InclusionFee", {
  base_fee: u64,
  len_fee: u64,
  adjusted_weight_fee: u64,
});
const feeDetails = struct("pallet_transaction_payment::types::FeeDetails", {
  inclusion_fee: option(inclusionFee),
  tip: u64,
});
const one = { netuid: u16 } as const;
const mechanismOne = { netuid: u16, mecid: u8 } as const;

export const apis: ApiTable = {
  Core: { version: method({}, runtimeVersion, ({ node }) => node.version) },
  Metadata: {
    metadata: method({}, bytes, ({ node }) => node.metadata.v14),
    metadata_at_version: method({ version: u32 }, option(bytes), ({ node }, { version }) =>
      version === 14 ? node.metadata.v14 : version === 15 ? node.metadata.v15 : null,
    ),
    metadata_versions: method({}, vec(u32), () => [14, 15]),
  },
  AuraApi: {
    slot_duration: method({}, wrapper("sp_consensus_slots::SlotDuration", u64), ({ node }) => BigInt(node.blockMs)),
  },
  AccountNonceApi: {
    account_nonce: method(
      { account: accountId },
      u32,
      ({ state }, { account }) => state.get(systemStorage.Account, account).nonce,
    ),
  },
  TransactionPaymentApi: {
    query_info: method({ uxt: opaqueExtrinsic, len: u32 }, dispatchFee, (_, { uxt, len }) => ({
      weight: { ref_time: 0n, proof_size: 0n },
      class: { type: "Normal", value: null },
      partial_fee: feeOf(uxt, len),
    })),
    query_fee_details: method({ uxt: opaqueExtrinsic, len: u32 }, feeDetails, (_, { uxt, len }) => ({
      inclusion_fee: { base_fee: feeOf(uxt, len), len_fee: 0n, adjusted_weight_fee: 0n },
      tip: 0n,
    })),
  },
  NeuronInfoRuntimeApi: {
    get_neurons: method(one, vec(neuronInfo), ({ state }, { netuid }) => neurons(state, netuid)),
    get_neuron: method(
      { netuid: u16, uid: u16 },
      option(neuronInfo),
      ({ state }, { netuid, uid }) => neurons(state, netuid)[uid] ?? null,
    ),
    get_neurons_lite: method(one, vec(neuronInfoLite), ({ state }, { netuid }) => neuronsLite(state, netuid)),
    get_neuron_lite: method(
      { netuid: u16, uid: u16 },
      option(neuronInfoLite),
      ({ state }, { netuid, uid }) => neuronsLite(state, netuid)[uid] ?? null,
    ),
  },
  SubnetInfoRuntimeApi: {
    get_subnet_info_v2: method(one, option(subnetInfo), ({ state }, { netuid }) => subnetInfoOf(state, netuid)),
    get_subnets_info_v2: method({}, vec(option(subnetInfo)), ({ state }) =>
      netuidsOf(state).map((netuid) => subnetInfoOf(state, netuid)),
    ),
    get_subnet_hyperparams: method(one, option(subnetHyperparams), ({ state }, { netuid }) =>
      hyperparamsOf(state, netuid),
    ),
    get_subnet_hyperparams_v2: method(one, option(subnetHyperparamsV2), ({ state }, { netuid }) =>
      hyperparamsV2Of(state, netuid),
    ),
    get_subnet_hyperparams_v3: method(one, option(vec(hyperparamEntry)), ({ state }, { netuid }) =>
      hyperparamsV3Of(state, netuid),
    ),
    get_all_dynamic_info: method({}, vec(option(dynamicInfo)), ({ state, block }) =>
      netuidsOf(state).map((netuid) => dynamicInfoOf(state, netuid, block)),
    ),
    get_dynamic_info: method(one, option(dynamicInfo), ({ state, block }, { netuid }) =>
      dynamicInfoOf(state, netuid, block),
    ),
    get_all_metagraphs: method({}, vec(option(metagraph)), ({ state, block }) =>
      netuidsOf(state).map((netuid) => metagraphOf(state, netuid, 0, block)),
    ),
    get_metagraph: method(one, option(metagraph), ({ state, block }, { netuid }) =>
      metagraphOf(state, netuid, 0, block),
    ),
    get_mechagraph: method(mechanismOne, option(metagraph), ({ state, block }, { netuid, mecid }) =>
      metagraphOf(state, netuid, mecid, block),
    ),
    get_selective_metagraph: method(
      { netuid: u16, metagraph_indexes: vec(u16) },
      option(selectiveMetagraph),
      ({ state, block }, { netuid, metagraph_indexes }) =>
        selectiveMetagraphOf(state, { netuid, mechanism: 0, columns: metagraph_indexes, block }),
    ),
    get_selective_mechagraph: method(
      { netuid: u16, subid: u8, metagraph_indexes: vec(u16) },
      option(selectiveMetagraph),
      ({ state, block }, { netuid, subid, metagraph_indexes }) =>
        selectiveMetagraphOf(state, { netuid, mechanism: subid, columns: metagraph_indexes, block }),
    ),
    get_subnet_state: method(one, option(subnetState), ({ state }, { netuid }) => subnetStateOf(state, netuid)),
    get_next_epoch_start_block: method(one, option(u64), ({ state, block }, { netuid }) =>
      nextEpochOf(state, netuid, block),
    ),
  },
  StakeInfoRuntimeApi: {
    get_stake_info_for_coldkey: method(
      { coldkey_account: accountId },
      vec(stakeInfo),
      ({ state }, { coldkey_account }) => stakesOf(state, coldkey_account),
    ),
    get_stake_info_for_coldkeys: method(
      { coldkey_accounts: vec(accountId) },
      vec(tuple(accountId, vec(stakeInfo))),
      ({ state }, { coldkey_accounts }) =>
        coldkey_accounts.map((coldkey) => [coldkey, stakesOf(state, coldkey)] as const),
    ),
    get_stake_info_for_hotkey_coldkey_netuid: method(
      { hotkey_account: accountId, coldkey_account: accountId, netuid: u16 },
      option(stakeInfo),
      ({ state }, { hotkey_account, coldkey_account, netuid }) =>
        stakeOf(state, hotkey_account, coldkey_account, netuid),
    ),
  },
  DelegateInfoRuntimeApi: {
    get_delegate: method({ delegate_account: accountId }, option(delegateInfo), ({ state }, { delegate_account }) =>
      delegateOf(state, delegate_account),
    ),
  },
  SwapRuntimeApi: { current_alpha_price: method(one, u64, ({ state }, { netuid }) => alphaPriceRao(state, netuid)) },
};

/** Estimates come with a signature of zeros, which nobody checks. */
function feeOf(extrinsic: Uint8Array, sizeBytes: number): bigint {
  return feeRao(decodeSigned(prefixed(extrinsic)).call, sizeBytes);
}
