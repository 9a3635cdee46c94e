/** What a turn of `mine run` trains on: samples of the competition's own sources, drawn afresh and kept in a file. */
import { OperatorError } from "../base/errors.ts";
import { writeWhole } from "../base/whole-file.ts";
import type { Competition } from "../competition/competition.ts";
import { drawArithmetic } from "../data/generated/arithmetic.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import type { TextEntry } from "../eval/text-entries.ts";
import type { TrainingSource } from "./training-options.ts";

/** Exercises that can be made without end and without asking anybody; undefined where a competition has none. */
export function endlessSource(competition: Competition): TrainingSource | undefined {
  const source = competition.tasks.map((task) => task.source).find(({ kind }) => kind === "arithmetic");
  if (source?.kind !== "arithmetic") return undefined;
  const { digitsMax } = source;
  const name = `arithmetic of ${digitsMax} digits`;
  return { kind: "generated", name, draw: (random, count) => drawArithmetic(random, count, { digitsMax }) };
}

/** Writes texts as the lines that `mine train --data` reads; complete under its name, or not there. */
export async function writeMaterials(path: string, texts: Iterable<TaskText>): Promise<number> {
  const materials = [...texts].flatMap((text) => materialOf(text) ?? []);
  if (materials.length === 0)
    throw new OperatorError(
      "Nothing can be learnt from what the competition's tasks ask: they have no reference answers.",
      "Give --data.",
    );
  const lines = materials.map(({ kind: _, ...material }) => `${JSON.stringify(material)}\n`);
  await writeWhole(path, (file) => file.writeFile(lines.join("")));
  return materials.length;
}

/** What a good answer would have been; null where the source tells only how answers are judged. */
function materialOf(text: TaskText): TextEntry | null {
  const conversation = (prompt: string, answer: string): TextEntry => ({
    kind: "messages",
    messages: [
      { role: "user", content: prompt },
      { role: "assistant", content: answer },
    ],
  });
  switch (text.kind) {
    case "document":
      return { kind: "text", text: text.text };
    case "reference":
      return { kind: "completion", prompt: text.context, completion: text.reference };
    case "reply":
      return { kind: "messages", messages: [...text.messages, { role: "assistant", content: text.reference }] };
    case "conversation":
      return conversation(text.prompt, text.response);
    case "choice":
      return conversation(text.challenge, text.answer);
    case "instructions":
      return null;
  }
}
