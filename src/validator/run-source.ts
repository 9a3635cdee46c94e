/** The first version's task: conversations that another subnet's validators log to W&B. */
import { isInvalid } from "../base/invalid.ts";
import { decodeSs58, verifySignature } from "../chain/keypair.ts";
import { drawConversations } from "../data/draw/conversations.ts";
import { listRuns, readSteps, type WandbAccess } from "../data/remote/wandb.ts";
import type { NewPage } from "../store/pages.ts";
import type { BlockTimeReader } from "./block-time.ts";
import type { StakeReader } from "./stakes.ts";
import type { TextSource } from "./text-source.ts";

export function cortexStream(
  access: Omit<WandbAccess, "verify" | "asOfMs">,
  stakes: StakeReader,
  blockTime: BlockTimeReader,
): TextSource<"cortex-stream"> {
  return async (task, draw) => {
    const { source, samples: samplesMax } = task;
    const { project, runType, uidsMax, signal } = { ...source, signal: draw.signal };
    const hotkeys = await stakes(source, draw);
    if (isInvalid(hotkeys)) return { kind: "dropped", reason: hotkeys.detail };
    if (hotkeys.size === 0)
      return { kind: "dropped", reason: `Subnet ${source.netuid} has no validator with ${source.stakeTaoMin} TAO.` };
    const asOfMs = await blockTime(draw);
    if (isInvalid(asOfMs)) return { kind: "dropped", reason: asOfMs.detail };
    const wandb = { ...access, asOfMs, verify };
    const runs = await listRuns(wandb, { project, runType, signal });
    if (isInvalid(runs)) return { kind: "dropped", reason: runs.detail };
    const noted = { task: task.name, source: source.kind };
    const lost: NewPage[] = [];
    const columns = columnsOf(uidsMax);
    const drawn = await drawConversations(draw.random, runs, { ...source, samplesMax, hotkeys }, async (run) => {
      const rows = await readSteps(wandb, { project, run, stepsMax: source.stepsPerRun, columns, signal });
      if (!isInvalid(rows)) return rows;
      lost.push({ ...noted, page: { project, run: run.id }, state: "dropped", reason: rows.detail });
      return null;
    });
    const used = drawn.sources.map((step) => ({ ...noted, page: { project, step }, state: "used" as const }));
    const pages = [...used, ...lost];
    const texts = drawn.conversations.map((conversation) => ({ kind: "conversation" as const, ...conversation }));
    if (texts.length > 0) return { kind: "drawn", texts, pages };
    const why = lost[0]?.reason ?? "no signed run of a validator has a conversation.";
    return { kind: "dropped", reason: `${project} gave nothing: ${why}`, pages };
  };
}

/** What is read of a history that is stored by columns. */
function columnsOf(uidsMax: number): string[] {
  const uids = Array.from({ length: uidsMax }, (_, uid) => [`prompts.${uid}`, `responses.${uid}`]);
  return ["_step", "_timestamp", "modality", ...uids.flat()];
}

/** The signature is hex, with or without 0x, of the run's id. */
const verify: WandbAccess["verify"] = ({ runId, hotkey, signature }) => {
  const publicKey = decodeSs58(hotkey);
  const hex = signature.replace(/^0x/, "");
  if (publicKey === undefined || !/^[0-9a-fA-F]{128}$/.test(hex)) return false;
  const message = new TextEncoder().encode(runId);
  return verifySignature({ message, signature: Uint8Array.fromHex(hex), publicKey });
};
