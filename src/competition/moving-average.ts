/** What a round leaves behind: averages per competition, and the subnet's weights made of them. */
import type { Hotkey, Uid } from "../subnet.ts";
import type { Competition } from "./competition.ts";
import { normalize } from "./round-weights.ts";

/** A neuron's part in something; who it is needs both, since uids are reused. */
export interface Share {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly weight: number;
}

/** Which hotkey holds which uid now. */
export type Registered = ReadonlyMap<Uid, Hotkey>;

/**
 * α·old + (1 − α)·new over the uids; the first round of a competition is taken as it is.
 * @param previous the averages before, or null before a competition's first round
 * @param round the round's weights, normalised
 * @param replacedHotkey whether a uid's average goes on under its new hotkey
 * @returns by uid; entries of zero only for those of this round
 */
export function movingAverage(
  previous: readonly Share[] | null,
  round: readonly Share[],
  { alpha, replacedHotkey }: { readonly alpha: number; readonly replacedHotkey: "cleared" | "inherited" },
): Share[] {
  const averages = new Map<Uid, Share>();
  for (const { uid, hotkey, weight } of previous ?? [])
    if (weight > 0) averages.set(uid, { uid, hotkey, weight: alpha * weight });
  for (const { uid, hotkey, weight } of round) {
    const old = averages.get(uid);
    const kept = old !== undefined && (old.hotkey === hotkey || replacedHotkey === "inherited") ? old.weight : 0;
    averages.set(uid, { uid, hotkey, weight: previous === null ? weight : kept + (1 - alpha) * weight });
  }
  return [...averages.values()].sort((a, b) => a.uid - b.uid);
}

/** The averages of those who are still there: whoever lost its uid to another hotkey loses its average, or leaves it to the heir. */
export function dropReplaced(
  averages: readonly Share[],
  registered: Registered,
  replacedHotkey: "cleared" | "inherited",
): Share[] {
  return averages.flatMap((average) => {
    const holder = registered.get(average.uid);
    if (holder === average.hotkey) return [average];
    return holder === undefined || replacedHotkey === "cleared" ? [] : [{ ...average, hotkey: holder }];
  });
}

/**
 * The subnet's weights: the averages of each competition that is active, times its emission share, brought to a sum of 1,
 * or all absent when nobody earned anything. With a threshold the averages first become parts of their sum, those under it
 * are dropped, and the rest again becomes parts of its sum; without one they count as they are, so that a competition
 * whose averages have not yet grown to 1 distributes less than its share (the public subnet's rule in both cases).
 * @returns the positive weights by uid
 */
export function subnetWeights(
  competitions: readonly {
    readonly competition: Pick<Competition, "emissionShare" | "movingAverage" | "rules">;
    readonly averages: readonly Share[];
  }[],
  registered?: Registered,
): Share[] {
  const total = new Map<Uid, Share>();
  for (const { competition, averages } of competitions) {
    const present =
      registered === undefined ? averages : dropReplaced(averages, registered, competition.rules.replacedHotkey);
    for (const { uid, hotkey, weight } of paidShares(present, competition.movingAverage.threshold)) {
      const before = total.get(uid);
      // Without `registered` two competitions can know a uid under different hotkeys; the later competition's is kept.
      total.set(uid, { uid, hotkey, weight: (before?.weight ?? 0) + weight * competition.emissionShare });
    }
  }
  const shares = [...total.values()].sort((a, b) => a.uid - b.uid);
  const weights = normalize(shares.map(({ weight }) => weight));
  return shares.map((share, index) => ({ ...share, weight: weights[index]! })).filter(({ weight }) => weight > 0);
}

function paidShares(averages: readonly Share[], threshold: number): readonly Share[] {
  if (threshold === 0) return averages;
  const parts = normalize(averages.map(({ weight }) => weight));
  const paid = normalize(parts.map((part) => (part < threshold ? 0 : part)));
  return averages.map((average, index) => ({ ...average, weight: paid[index]! }));
}
