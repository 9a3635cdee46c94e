/** Progress on a terminal: one line that moves instead of a thousand that scroll. */

/** More often than this nobody can read it, and a slow terminal would be what work waits for. */
const drawnEveryMs = 100;

let open: MovingLine | undefined;

/** A line that is written over; cut to the terminal's width, since a wrapped line could not be. */
export class MovingLine {
  #latest: readonly [string, string] = ["", ""];
  #drawnAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  /** @param end what is to be seen whole, such as the time left: `text` gives way to it */
  show(text: string, end = ""): void {
    this.#latest = [text, end];
    open = this;
    const waitMs = this.#drawnAt + drawnEveryMs - performance.now();
    if (waitMs <= 0) this.#draw();
    else this.#timer ??= setTimeout(() => this.#draw(), waitMs).unref();
  }

  clear(): void {
    if (this.#end()) process.stderr.write("\r\u001b[2K");
  }

  /** Leaves the line behind as it is. */
  leave(): void {
    if (open === this) this.#draw();
    if (this.#end()) process.stderr.write("\n");
  }

  #draw(): void {
    this.#stopTimer();
    this.#drawnAt = performance.now();
    process.stderr.write(`\r\u001b[2K${fitted(...this.#latest, (process.stderr.columns ?? 80) - 1)}`);
  }

  /** Whether there was a line. */
  #end(): boolean {
    this.#stopTimer();
    this.#drawnAt = Number.NEGATIVE_INFINITY;
    const wasOpen = open === this;
    if (wasOpen) open = undefined;
    return wasOpen;
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What follows begins on a line of its own; whether a moving line was in its way. */
export function leaveMovingLine(): boolean {
  const wasOpen = open !== undefined;
  open?.leave();
  return wasOpen;
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
