/** What a monitor asks for, in the text format of Prometheus. Made anew for every scrape, from the state alone. */
import { Gauge, Registry } from "prom-client";
import type { Store } from "../store/store.ts";
import { latestAccepted } from "../store/submissions.ts";
import { readProgress, stateBytes } from "../store/summary.ts";

/** @param nowMs the wall clock */
export async function renderMetrics(store: Store, nowMs: number): Promise<{ type: string; text: string }> {
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name: `finetune_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const byCompetition = (name: string, help: string) => gauge(name, help, ["competition"]);
  const block = byCompetition("last_round_block", "Sync block of the last finished round");
  const finished = byCompetition("last_round_finished_timestamp_seconds", "When the last finished round ended");
  const contenders = byCompetition("round_contenders", "Models that contend in the newest round");
  const losses = byCompetition("round_losses", "Losses stored of the newest round");
  for (const progress of await readProgress(store)) {
    const competition = String(progress.competitionId);
    contenders.set({ competition }, progress.contenders);
    losses.set({ competition }, progress.losses);
    if (progress.finished === null) continue;
    block.set({ competition }, progress.finished.syncBlock);
    finished.set({ competition }, progress.finished.finishedAt / 1000);
  }
  const accepted = await latestAccepted(store);
  // Absent before the first: an age that was made up would hide from an alert that there are none.
  if (accepted !== undefined) {
    const sinceMs = nowMs - (accepted.answered_at ?? accepted.created_at);
    gauge("weights_age_seconds", "Since the chain accepted the last weights").set(Math.max(0, sinceMs / 1000));
    gauge("weights_block", "Block for which the last accepted weights were made").set(accepted.block);
  }
  gauge("state_bytes", "Size of the state file and its log").set(stateBytes(store));
  return { type: registry.contentType, text: await registry.metrics() };
}
