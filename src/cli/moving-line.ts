/** Progress on a terminal: one line that moves instead of a thousand that scroll. */

/** A line that is written over; cut to the terminal's width, since a wrapped line could not be. */
export class MovingLine {
  show(text: string): void {
    process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }

  clear(): void {
    process.stderr.write("\r\u001b[2K");
  }
}
