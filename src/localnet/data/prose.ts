/** Text of our own making: plain English sentences from a small grammar, the same for the same generator. */
import type { Random } from "../../base/random.ts";

const subjects = ["the harbour", "a careful student", "our old engine", "the river", "a small council", "the baker"];
const places = ["near the mill", "behind the station", "in early spring", "after the storm", "on the northern road"];
const verbs = ["carries", "measures", "repairs", "follows", "describes", "remembers", "counts"];
const objects = ["seven crates", "the map of the valley", "a broken clock", "every letter", "the price of grain"];
const reasons = ["the tide is low", "nobody asked", "winter is close", "the bridge is closed", "the records are lost"];

/** One sentence with a capital and a full stop. */
export function sentence(random: Random): string {
  const core = `${random.choice(subjects)} ${random.choice(verbs)} ${random.choice(objects)} ${random.choice(places)}`;
  const whole = random.random() < 0.5 ? core : `${core} because ${random.choice(reasons)}`;
  return `${whole[0]!.toUpperCase()}${whole.slice(1)}.`;
}

/** Several sentences in paragraphs of four. */
export function prose(random: Random, sentences: number): string {
  const all = Array.from({ length: sentences }, () => sentence(random));
  const paragraphs = Array.from({ length: Math.ceil(sentences / 4) }, (_, at) =>
    all.slice(at * 4, at * 4 + 4).join(" "),
  );
  return paragraphs.join("\n\n");
}
