/**
 * The datasets that the local data server has: the public ones' names, configurations and columns, filled with rows of
 * our own making. Some rows are such as a reader must pass over, since the public sets have them too.
 */
import { Random } from "../../base/random.ts";
import { prose, sentence } from "./prose.ts";

/** A column's type: a text, a 64-bit integer, a number, or a conversation as a list of {role, content}. */
export type ColumnType = "string" | "integer" | "double" | "messages";
export type Row = Readonly<Record<string, unknown>>;

/** One configuration with its only split. */
export interface Table {
  readonly dataset: string;
  readonly config: string;
  readonly split: "train";
  readonly columns: Readonly<Record<string, ColumnType>>;
  readonly rows: readonly Row[];
}

/** @param hotkeys SS58 addresses of validators whose multiple-choice questions count */
export function buildTables(seed: number, hotkeys: readonly string[]): Table[] {
  const random = new Random(seed);
  return [...webText(random), ...questions(random, hotkeys), ...reasoning(random), ...programming(random)];
}

function table(dataset: string, config: string, columns: Table["columns"], rows: readonly Row[]): Table {
  return { dataset, config, split: "train", columns, rows };
}

function webText(random: Random): Table[] {
  const columns = { text: "string", id: "string", url: "string", score: "double" } as const;
  const sizes = { default: 400, "CC-MAIN-2024-10": 1200, "CC-MAIN-2024-18": 900 };
  return Object.entries(sizes).map(([config, rows]) =>
    table(
      "HuggingFaceFW/fineweb-edu-score-2",
      config,
      columns,
      times(rows, (index) => ({
        text: prose(random, random.integer(4, 24)),
        id: `<urn:uuid:${config}-${index}>`,
        url: `http://localhost/${config}/${index}`,
        score: 2 + random.random(),
      })),
    ),
  );
}

function questions(random: Random, hotkeys: readonly string[]): Table[] {
  const columns = { id: "string", challenge: "string", reference: "string", hotkey: "string" } as const;
  return times(12, (month) =>
    table(
      "macrocosm-os/macrobench-bittensor-01",
      `2025${String(month + 1).padStart(2, "0")}00`,
      columns,
      times(80, (index) => {
        const { asked, answers, right } = index % 2 === 0 ? sum(random) : saying(random);
        const choices = answers.map((answer, at) => `${"ABCD"[at]}. ${answer}`).join("\n");
        return {
          id: `${month}-${index}`,
          challenge: `${asked}\n${choices}`,
          // Questions without a letter, or of a hotkey that nobody knows, are among the public ones too.
          reference: index % 20 === 0 ? right : "ABCD"[answers.indexOf(right)]!,
          hotkey: index % 10 === 0 || hotkeys.length === 0 ? "unknown" : random.choice(hotkeys),
        };
      }),
    ),
  );
}

function sum(random: Random) {
  const [a, b] = [random.integer(2, 60), random.integer(2, 60)];
  const answers = random.sample([a + b, a + b + 1, a + b + 10, Math.abs(a - b) - 1], 4).map(String);
  return { asked: `What is ${a} + ${b}?`, answers, right: String(a + b) };
}

/** Tests of following instructions need answers of several words. */
function saying(random: Random) {
  const answers = times(4, (at) => `${sentence(random)} ${"Once Twice Thrice Never".split(" ")[at]}.`);
  return { asked: "Which of these happened more than twice?", answers, right: answers[2]! };
}

function reasoning(random: Random): Table[] {
  const columns = {
    response_id: "string",
    problem_id: "string",
    task_type: "string",
    score: "double",
    messages: "messages",
  } as const;
  const rows = times(600, (index) => {
    const [a, b] = [random.integer(2, 99), random.integer(2, 99)];
    const thought = `<think>${sentence(random)} ${a} times ${b} is ${a * b}.</think>`;
    const kinds = {
      verifiable_math: [`What is ${a} × ${b}?`, `${thought}\nThe answer is $\\boxed{${a * b}}$.`],
      code_output_prediction: [`What does print(${a} * ${b}) print?`, `${thought}\n{"output": "${a * b}"}`],
      llm_judgeable: [sentence(random), prose(random, 3)],
    };
    const kind = random.choice(Object.keys(kinds) as (keyof typeof kinds)[]);
    const [question, answer] = kinds[kind];
    return {
      response_id: `r${index}`,
      problem_id: `p${index}`,
      task_type: kind,
      score: index % 7 === 0 ? 0 : 1,
      messages: conversation(question!, answer!),
    };
  });
  return [table("PrimeIntellect/SYNTHETIC-1-SFT-Data", "default", columns, rows)];
}

function programming(random: Random): Table[] {
  const columns = { id: "string", prompt: "string", generation: "string", messages: "messages" } as const;
  return ["default", "solutions"].map((config) =>
    table(
      "open-r1/codeforces-cots",
      config,
      columns,
      times(300, (index) => {
        const limit = random.integer(2, 1000);
        const prompt = `Read n (n ≤ ${limit}) and print the sum of 1 … n. ${sentence(random)}`;
        // One in twenty is longer than any window, as in the public set.
        const generation = `<think>${prose(random, index % 20 === 0 ? 900 : 6)}</think>\nprint(n * (n + 1) // 2)`;
        const turns = conversation(prompt, generation);
        const messages = index % 25 === 0 ? [...turns, ...conversation("Why?", sentence(random))] : turns;
        return { id: `${config}/${index}`, prompt, generation, messages };
      }),
    ),
  );
}

function conversation(question: string, answer: string) {
  return [
    { content: question, role: "user" },
    { content: answer, role: "assistant" },
  ];
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
