/** Asking a person for a secret: nothing is echoed, and nothing of it is kept. */
import { InterruptedError, OperatorError } from "../base/errors.ts";

const [enter, newline, ctrlC, ctrlD, backspace, rubout] = ["\r", "\n", "\u0003", "\u0004", "\b", "\u007f"];

/**
 * Reads one line from the terminal without echo. Throws `OperatorError` with `hint` when there is no terminal,
 * `InterruptedError` on Ctrl-C.
 */
export async function promptHidden(question: string, hint: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw new OperatorError(`${question} is needed, but there is no terminal to ask on.`, hint);
  stderr.write(`${question}: `);
  stdin.setRawMode(true);
  try {
    return await readLine();
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write("\n");
  }
}

function readLine(): Promise<string> {
  const { stdin } = process;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line = "";
  const onData = (chunk: string) => {
    for (const key of chunk) {
      if (key === enter || key === newline || key === ctrlD) resolve(line);
      else if (key === ctrlC) reject(new InterruptedError());
      else if (key === backspace || key === rubout) line = [...line].slice(0, -1).join("");
      else if (key >= " ") line += key;
    }
  };
  // Decoded by the stream, since a character may arrive in two pieces.
  stdin.setEncoding("utf8");
  stdin.on("data", onData);
  stdin.resume();
  return promise.finally(() => stdin.off("data", onData));
}
