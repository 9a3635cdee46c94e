/** Progress on a terminal: one line that moves instead of a thousand that scroll. */

/** A line that is written over; cut to the terminal's width, since a wrapped line could not be. */
export class MovingLine {
  #isOpen = false;

  constructor() {
    // Also after Ctrl-C: the shell's prompt begins on a line of its own.
    process.once("exit", () => this.clear());
  }

  /** @param end what is to be seen whole, such as the time left: `text` gives way to it */
  show(text: string, end = ""): void {
    process.stderr.write(`\r\u001b[2K${fitted(text, end, (process.stderr.columns ?? 80) - 1)}`);
    this.#isOpen = true;
  }

  clear(): void {
    if (this.#isOpen) process.stderr.write("\r\u001b[2K");
    this.#isOpen = false;
  }

  /** Leaves the line behind as it is. */
  leave(): void {
    if (this.#isOpen) process.stderr.write("\n");
    this.#isOpen = false;
  }
}

/** `text` and `end` in `width` columns: first `text` gives way, with an ellipsis, then `end`. */
export function fitted(text: string, end: string, width: number): string {
  const room = width - end.length;
  if (text.length <= room) return text + end;
  return (room > 1 ? `${text.slice(0, room - 1)}…${end}` : end).slice(0, width);
}

/** A duration as a person reads it: 0:07, 12:30, 3:05:00. */
export function clockText(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
