/** When rounds begin, which competitions run, and what every validator draws its samples from. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Block, BlockHash } from "../subnet.ts";
import type { Competition, CompetitionFile, SyncCadence } from "./competition.ts";

/** The newest sync block that is not after `block`. */
export function syncBlockAt(block: Block, { genesisBlock, cadenceBlocks }: SyncCadence): Block {
  return Math.floor((block - genesisBlock) / cadenceBlocks) * cadenceBlocks + genesisBlock;
}

/** The first sync block after `block`. */
export function nextSyncBlock(block: Block, cadence: SyncCadence): Block {
  return syncBlockAt(block, cadence) + cadence.cadenceBlocks;
}

/**
 * The seed of a round's draws: SHA-256 of the block hash's text (with 0x, its case kept) as a big-endian integer, so that
 * validators that see the same block ask the same questions, and nobody knows them before the block exists.
 */
export function roundSeed(blockHash: BlockHash): bigint {
  return BigInt(`0x${bytesToHex(sha256(utf8ToBytes(blockHash)))}`);
}

/** The seed of the round at a sync block: from its hash, unless the file asks for rounds that can be repeated. */
export function seedOfRound(sync: SyncCadence, syncBlock: Block, syncBlockHash: BlockHash): bigint {
  if (sync.repeatableSeed === undefined) return roundSeed(syncBlockHash);
  const round = (syncBlock - sync.genesisBlock) / sync.cadenceBlocks;
  return roundSeed(`${sync.repeatableSeed}:${round}`);
}

/** The competitions that run at a block, in the file's order; empty before the first period and between periods. */
export function competitionsAt(file: CompetitionFile, block: Block): readonly Competition[] {
  const period = file.schedule.findLast(({ fromBlock }) => block >= fromBlock);
  if (period === undefined || (period.untilBlock !== undefined && block >= period.untilBlock)) return [];
  return period.competitions;
}

/** The competition of an id that runs at a block. */
export function competitionAt(file: CompetitionFile, block: Block, id: number): Competition | undefined {
  return competitionsAt(file, block).find((competition) => competition.id === id);
}

/**
 * The competition whose turn it is: those that run take turns, one a round. The turn follows from the block, so that
 * validators that start at different times run the same competition.
 */
export function competitionDue(file: CompetitionFile, syncBlock: Block): Competition | undefined {
  const { genesisBlock, cadenceBlocks } = file.sync;
  const running = competitionsAt(file, syncBlock);
  const turn = Math.floor((syncBlock - genesisBlock) / cadenceBlocks);
  return running[((turn % running.length) + running.length) % running.length];
}
