/** All pallets of the local chain, and the unions of their calls, events and errors. */
import { constant, entry, type Pallet, storageOf } from "../pallet.ts";
import { compactU64, described, struct, u64, u128, type ValueOf, vec, wrapper } from "../scale/type.ts";
import { named, single, variants } from "../scale/variant.ts";
import { accountId, h256, phase, type RuntimeVersion } from "../types/substrate.ts";
import { balancesCalls, balancesConstants, balancesErrors, balancesEvents, balancesStorage } from "./balances.ts";
import {
  commitmentsCalls,
  commitmentsConstants,
  commitmentsErrors,
  commitmentsEvents,
  commitmentsStorage,
} from "./commitments.ts";
import { drandEvents, drandStorage } from "./drand.ts";
import { mevShieldCalls, mevShieldErrors, mevShieldEvents, mevShieldStorage } from "./mev-shield.ts";
import { subtensorCalls } from "./subtensor-calls.ts";
import { subtensorErrors, subtensorEvents } from "./subtensor-events.ts";
import { subtensorStorage } from "./subtensor-storage.ts";
import { systemCalls, systemConstants, systemErrors, systemEvents, systemStorage } from "./system.ts";

export const timestampStorage = storageOf("Timestamp", { Now: entry([], u64, 0n) });
export const timestampCalls = variants("pallet_timestamp::pallet::Call", { set: named(0, { now: compactU64 }) });
export const auraStorage = storageOf("Aura", {
  CurrentSlot: entry([], wrapper("sp_consensus_slots::Slot", u64), 0n),
});
export const transactionPaymentStorage = storageOf("TransactionPayment", {
  NextFeeMultiplier: entry([], wrapper("sp_arithmetic::fixed_point::FixedU128", u128), 10n ** 18n),
});
export const transactionPaymentEvents = variants("pallet_transaction_payment::pallet::Event", {
  TransactionFeePaid: named(0, { who: accountId, actual_fee: u64, tip: u64 }),
});

export const runtimeCall = variants("node_subtensor_runtime::RuntimeCall", {
  System: single(0, systemCalls),
  Timestamp: single(2, timestampCalls),
  Balances: single(5, balancesCalls),
  SubtensorModule: single(7, subtensorCalls),
  Commitments: single(18, commitmentsCalls),
  MevShield: single(30, mevShieldCalls),
});
export type RuntimeCall = ValueOf<typeof runtimeCall>;

export const runtimeEvent = variants("node_subtensor_runtime::RuntimeEvent", {
  System: single(0, systemEvents),
  Balances: single(5, balancesEvents),
  TransactionPayment: single(6, transactionPaymentEvents),
  SubtensorModule: single(7, subtensorEvents),
  Commitments: single(18, commitmentsEvents),
  Drand: single(26, drandEvents),
  MevShield: single(30, mevShieldEvents),
});
export type RuntimeEvent = ValueOf<typeof runtimeEvent>;

export const runtimeError = variants("node_subtensor_runtime::RuntimeError", {
  System: single(0, systemErrors),
  Balances: single(5, balancesErrors),
  SubtensorModule: single(7, subtensorErrors),
  Commitments: single(18, commitmentsErrors),
  MevShield: single(30, mevShieldErrors),
});

const plainEventRecord = struct("frame_system::EventRecord", { phase, event: runtimeEvent, topics: vec(h256) });
/** @polkadot/types finds the event's type as this type's first parameter. */
export const eventRecord = described(plainEventRecord, (table) => ({
  ...plainEventRecord.describe(table),
  params: [
    ["E", table.idOf(runtimeEvent)],
    ["T", table.idOf(h256)],
  ],
}));
export type EventRecord = ValueOf<typeof eventRecord>;

/** Events stand apart from System's other entries, since their type is the union of all pallets. */
export const eventsStorage = storageOf("System", { Events: entry([], vec(eventRecord), []) });

/**
 * The pallets with the real runtime's indices.
 * @param slotDurationMs the real time between blocks: the Python SDK reckons reveal rounds with it
 */
export function palletsOf(options: { version: RuntimeVersion; slotDurationMs: number }): readonly Pallet[] {
  return [
    {
      name: "System",
      index: 0,
      storage: { ...systemStorage, ...eventsStorage },
      calls: systemCalls,
      events: systemEvents,
      errors: systemErrors,
      constants: systemConstants(options.version),
    },
    {
      name: "Timestamp",
      index: 2,
      storage: timestampStorage,
      calls: timestampCalls,
      constants: { MinimumPeriod: constant(u64, BigInt(Math.max(1, Math.floor(options.slotDurationMs / 2)))) },
    },
    {
      name: "Aura",
      index: 3,
      storage: auraStorage,
      constants: { SlotDuration: constant(u64, BigInt(options.slotDurationMs)) },
    },
    {
      name: "Balances",
      index: 5,
      storage: balancesStorage,
      calls: balancesCalls,
      events: balancesEvents,
      errors: balancesErrors,
      constants: balancesConstants,
    },
    {
      name: "TransactionPayment",
      index: 6,
      storage: transactionPaymentStorage,
      events: transactionPaymentEvents,
    },
    {
      name: "SubtensorModule",
      index: 7,
      storage: subtensorStorage,
      calls: subtensorCalls,
      events: subtensorEvents,
      errors: subtensorErrors,
    },
    {
      name: "Commitments",
      index: 18,
      storage: commitmentsStorage,
      calls: commitmentsCalls,
      events: commitmentsEvents,
      errors: commitmentsErrors,
      constants: commitmentsConstants,
    },
    { name: "Drand", index: 26, storage: drandStorage, events: drandEvents },
    {
      name: "MevShield",
      index: 30,
      storage: mevShieldStorage,
      calls: mevShieldCalls,
      events: mevShieldEvents,
      errors: mevShieldErrors,
    },
  ];
}
