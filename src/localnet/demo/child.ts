/** Runs `finetune <args>` as a process that speaks JSON lines, the way a person's terminals would run it. */
import { open } from "node:fs/promises";
import { FailureError, InterruptedError } from "../../base/errors.ts";
import { selfCommand } from "../../base/self.ts";

/** What a process that was interrupted in order ends with. */
const exitCodeInterrupted = 130;

export interface DemoChild {
  /** Resolves when it ended well; throws `FailureError` with the end of its log when not, `InterruptedError` after Ctrl-C. */
  readonly done: Promise<void>;
  /** Asks it to end, and waits. */
  stop(): Promise<void>;
}

/** @param onLine called with every document that it prints */
export async function startChild(options: {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly onLine: (document: Readonly<Record<string, unknown>>) => void;
}): Promise<DemoChild> {
  const log = await open(options.logFile, "a");
  const child = Bun.spawn([...selfCommand(...options.args)], {
    env: { ...process.env, ...options.environment },
    stdin: "pipe",
    stdout: "pipe",
    stderr: log.fd,
  });
  await log.close();
  let stopped = false;
  const done = (async () => {
    await readLines(child.stdout, options.onLine);
    const code = await child.exited;
    if (code === 0 || stopped) return;
    // Ctrl-C reaches every process of a terminal; this one may have heard of it first.
    if (code === exitCodeInterrupted) throw new InterruptedError();
    const said = (await Bun.file(options.logFile).text()).trim().split("\n").slice(-3).join(" ");
    throw new FailureError(
      `\`finetune ${options.args[0]}\` ended with ${code}: ${said}`,
      `Its log is ${options.logFile}.`,
    );
  })();
  // Whoever waits for `done` later still sees the error; until then it must not end the program.
  done.catch(() => {});
  return {
    done,
    async stop() {
      stopped = true;
      child.kill("SIGINT");
      await child.exited;
    },
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (document: Readonly<Record<string, unknown>>) => void,
): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") onLine(JSON.parse(line));
  }
}
