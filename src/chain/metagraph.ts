/**
 * A subnet's neurons at one block. The runtime's own summary when there is one, else the neurons one by one from its
 * older API, else the columns in storage: the three differ in what they cost, not in what they say.
 */
import { FailureError, OperatorError } from "../base/errors.ts";
import type { BlockHash, Metagraph, Netuid, Neuron } from "../subnet.ts";
import type { Link } from "./link.ts";
import type { Plain } from "./plain.ts";
import { type Item, Snapshot } from "./snapshot.ts";

const u16Max = 65_535;
const u64Max = 2 ** 64;
const raoPerTao = 1e9;

type Columns = { readonly [name: string]: readonly Plain[] };
type Fields = { readonly [name: string]: Plain };

/** Throws `OperatorError` when the chain has no such subnet. */
export async function readMetagraph(link: Link, netuid: Netuid, at?: BlockHash): Promise<Metagraph> {
  const snapshot = await Snapshot.at(link, at);
  if (snapshot.hasApi("SubnetInfoRuntimeApi.get_metagraph")) return await fromSummary(snapshot, netuid);
  const rows = snapshot.hasApi("NeuronInfoRuntimeApi.get_neurons_lite")
    ? await snapshot.call("NeuronInfoRuntimeApi.get_neurons_lite", netuid)
    : null;
  // Before spec 220 this API hands out bytes whose layout its metadata does not tell.
  if (!Array.isArray(rows)) return await fromStorage(snapshot, netuid);
  return await fromNeurons(snapshot, netuid, rows);
}

/** @returns the error for a subnet that does not exist */
export function noSubnet(netuid: Netuid): OperatorError {
  return new OperatorError(`The chain has no subnet ${netuid}.`, "Check --netuid and --network.");
}

/** What the summary must have. A column that is shorter than the hotkeys reads as zeros: the chain fills it later. */
const summaryColumns = [
  "hotkeys",
  "coldkeys",
  "active",
  "totalStake",
  "validatorPermit",
  "lastUpdate",
  "blockAtRegistration",
  "incentives",
  "consensus",
  "dividends",
  "emission",
];

async function fromSummary(snapshot: Snapshot, netuid: Netuid): Promise<Metagraph> {
  const [answer, trust] = (await Promise.all([
    snapshot.call("SubnetInfoRuntimeApi.get_metagraph", netuid),
    // The summary has no column of validator trust (its "trust" is another, and gone from the chain).
    snapshot.value("SubtensorModule.ValidatorTrust", netuid),
  ])) as readonly [Fields | null, readonly number[]];
  if (answer === null) throw noSubnet(netuid);
  const missing = summaryColumns.filter((name) => !Array.isArray(answer[name]));
  if (missing.length > 0)
    throw new FailureError(
      `The chain's metagraph has no ${missing.join(", ")}: its layout is unknown.`,
      "Update this program, or use another endpoint.",
    );
  const columns = answer as unknown as Columns;
  const neurons = columns.hotkeys!.map((hotkey, uid): Neuron => {
    const cell = (name: string): Plain => columns[name]?.[uid] ?? 0;
    return {
      uid,
      hotkey: hotkey as string,
      coldkey: String(cell("coldkeys")),
      active: cell("active") === true,
      stakeTao: Number(cell("totalStake")) / raoPerTao,
      validatorPermit: cell("validatorPermit") === true,
      lastUpdateBlock: Number(cell("lastUpdate")),
      registrationBlock: Number(cell("blockAtRegistration")),
      incentive: Number(cell("incentives")) / u16Max,
      consensus: Number(cell("consensus")) / u16Max,
      dividends: Number(cell("dividends")) / u16Max,
      validatorTrust: (trust[uid] ?? 0) / u16Max,
      emissionRao: BigInt(cell("emission") as number),
    };
  });
  return {
    netuid,
    block: snapshot.block,
    blockHash: snapshot.blockHash,
    tempoBlocks: Number(answer.tempo),
    neurons,
  };
}

async function fromNeurons(snapshot: Snapshot, netuid: Netuid, rows: readonly Fields[]): Promise<Metagraph> {
  const [added, tempo, registered] = await Promise.all([
    snapshot.value("SubtensorModule.NetworksAdded", netuid),
    snapshot.value("SubtensorModule.Tempo", netuid),
    snapshot.entries("SubtensorModule.BlockAtRegistration", netuid),
  ]);
  if (added !== true) throw noSubnet(netuid);
  const registrationBlocks = new Map(registered.map(({ keys, value }) => [Number(keys[0]), Number(value)]));
  const neurons = rows.map((row): Neuron => {
    const uid = Number(row.uid);
    const stakes = row.stake as readonly (readonly [string, bigint])[];
    return {
      uid,
      hotkey: String(row.hotkey),
      coldkey: String(row.coldkey),
      active: row.active === true,
      stakeTao: stakes.reduce((sum, [, rao]) => sum + Number(rao), 0) / raoPerTao,
      validatorPermit: row.validatorPermit === true,
      lastUpdateBlock: Number(row.lastUpdate),
      registrationBlock: registrationBlocks.get(uid) ?? 0,
      incentive: Number(row.incentive) / u16Max,
      consensus: Number(row.consensus) / u16Max,
      dividends: Number(row.dividends) / u16Max,
      validatorTrust: Number(row.validatorTrust) / u16Max,
      emissionRao: BigInt(row.emission as number | bigint),
    };
  });
  neurons.sort((a, b) => a.uid - b.uid);
  return { netuid, block: snapshot.block, blockHash: snapshot.blockHash, tempoBlocks: Number(tempo), neurons };
}

const columnNames = [
  "Active",
  "ValidatorPermit",
  "LastUpdate",
  "Incentive",
  "Consensus",
  "Dividends",
  "ValidatorTrust",
  "Emission",
] as const;

async function fromStorage(snapshot: Snapshot, netuid: Netuid): Promise<Metagraph> {
  const head: Item[] = [
    ["SubtensorModule.NetworksAdded", netuid],
    ["SubtensorModule.SubnetworkN", netuid],
    ["SubtensorModule.Tempo", netuid],
    ...columnNames.map((name): Item => [`SubtensorModule.${name}`, netuid]),
  ];
  const [added, size, tempo, ...values] = await snapshot.values(head);
  if (added !== true) throw noSubnet(netuid);
  const uids = Array.from({ length: Number(size) }, (_, uid) => uid);
  const columns = Object.fromEntries(columnNames.map((name, index) => [name, values[index] as readonly Plain[]]));
  const hotkeys = (await snapshot.values(uids.map((uid): Item => ["SubtensorModule.Keys", netuid, uid]))) as string[];
  const [coldkeys, registrationBlocks, stakes] = await Promise.all([
    snapshot.values(hotkeys.map((hotkey): Item => ["SubtensorModule.Owner", hotkey])),
    snapshot.values(uids.map((uid): Item => ["SubtensorModule.BlockAtRegistration", netuid, uid])),
    stakeOf(snapshot, netuid, hotkeys),
  ]);
  const neurons = uids.map((uid): Neuron => {
    const cell = (name: (typeof columnNames)[number]): Plain => columns[name]?.[uid] ?? 0;
    return {
      uid,
      hotkey: hotkeys[uid]!,
      coldkey: String(coldkeys[uid]),
      active: cell("Active") === true,
      stakeTao: stakes[uid]!,
      validatorPermit: cell("ValidatorPermit") === true,
      lastUpdateBlock: Number(cell("LastUpdate")),
      registrationBlock: Number(registrationBlocks[uid]),
      incentive: Number(cell("Incentive")) / u16Max,
      consensus: Number(cell("Consensus")) / u16Max,
      dividends: Number(cell("Dividends")) / u16Max,
      validatorTrust: Number(cell("ValidatorTrust")) / u16Max,
      emissionRao: BigInt(cell("Emission") as number | bigint),
    };
  });
  return { netuid, block: snapshot.block, blockHash: snapshot.blockHash, tempoBlocks: Number(tempo), neurons };
}

/**
 * Total stake weight in TAO, children and parents left out: plain stake before dynamic TAO (spec 219), after it
 * alpha + root stake · TaoWeight / u64::MAX.
 */
async function stakeOf(snapshot: Snapshot, netuid: Netuid, hotkeys: readonly string[]): Promise<readonly number[]> {
  if (!snapshot.has("SubtensorModule.TotalHotkeyAlpha")) {
    const plain = await snapshot.values(hotkeys.map((hotkey): Item => ["SubtensorModule.TotalHotkeyStake", hotkey]));
    return plain.map((rao) => Number(rao) / raoPerTao);
  }
  const [weight, ...stakes] = await snapshot.values([
    ["SubtensorModule.TaoWeight"],
    ...[netuid, 0].flatMap((subnet) =>
      hotkeys.map((hotkey): Item => ["SubtensorModule.TotalHotkeyAlpha", hotkey, subnet]),
    ),
  ]);
  const taoWeight = Number(weight) / u64Max;
  return hotkeys.map((_, uid) => {
    const [alpha, root] = [Number(stakes[uid]), Number(stakes[uid + hotkeys.length])];
    return (alpha + root * taoWeight) / raoPerTao;
  });
}
