/** The calls of SubtensorModule that the local chain executes, with the runtime's indices. */

import { u8, u16, u32, u64, u128, type ValueOf, vec } from "../scale/type.ts";
import { named, variants } from "../scale/variant.ts";
import { accountId, h256 } from "../types/substrate.ts";
import { timelockedCommit } from "./subtensor-storage.ts";

const list = vec(u16);
const mechanism = { netuid: u16, mecid: u8 } as const;
const weights = { dests: list, weights: list, version_key: u64 } as const;
const reveal = { uids: list, values: list, salt: list, version_key: u64 } as const;
const timelocked = { commit: timelockedCommit, reveal_round: u64, commit_reveal_version: u16 } as const;
const endpoint = { version: u32, ip: u128, port: u16, ip_type: u8 } as const;

export const subtensorCalls = variants("pallet_subtensor::pallet::Call", {
  set_weights: named(0, { netuid: u16, ...weights }),
  add_stake: named(2, { hotkey: accountId, netuid: u16, amount_staked: u64 }),
  remove_stake: named(3, { hotkey: accountId, netuid: u16, amount_unstaked: u64 }),
  serve_axon: named(4, { netuid: u16, ...endpoint, protocol: u8, placeholder1: u8, placeholder2: u8 }),
  serve_prometheus: named(5, { netuid: u16, ...endpoint }),
  burned_register: named(7, { netuid: u16, hotkey: accountId }),
  commit_weights: named(96, { netuid: u16, commit_hash: h256 }),
  reveal_weights: named(97, { netuid: u16, ...reveal }),
  commit_timelocked_weights: named(113, { netuid: u16, ...timelocked }),
  commit_mechanism_weights: named(115, { ...mechanism, commit_hash: h256 }),
  reveal_mechanism_weights: named(116, { ...mechanism, ...reveal }),
  commit_timelocked_mechanism_weights: named(118, { ...mechanism, ...timelocked }),
  set_mechanism_weights: named(119, { ...mechanism, ...weights }),
  register_limit: named(134, { netuid: u16, hotkey: accountId, limit_price: u64 }),
});
export type SubtensorCall = ValueOf<typeof subtensorCalls>;
