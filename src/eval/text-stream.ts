/** Shows a continuation while it is made, on a terminal or on a page. */
import { printable } from "../base/log.ts";

export class TextStream {
  private readonly ids: number[] = [];
  private shown = "";
  private working: Promise<void> | undefined;

  /**
   * @param decode all ids so far to text: what a token says depends on those before it
   * @param write gets the text piece by piece, without control sequences
   */
  constructor(
    private readonly decode: (ids: readonly number[]) => Promise<string>,
    private readonly write: (text: string) => void,
  ) {}

  /** Takes the next token; resolves when what it says is written. Rejects, as `finish` does, when `decode` does. */
  push(id: number): Promise<void> {
    this.ids.push(id);
    return (this.working ??= this.catchUp());
  }

  /** Writes what is left, characters that never became whole included. Returns the whole text as the model made it. */
  async finish(): Promise<string> {
    await this.working;
    const text = await this.decode(this.ids);
    this.show(text);
    return text;
  }

  private async catchUp(): Promise<void> {
    let done = 0;
    while (done < this.ids.length) {
      done = this.ids.length;
      const text = await this.decode(this.ids.slice(0, done));
      // A character that is not whole yet reads as U+FFFD and will change.
      this.show(text.replace(/\ufffd+$/, ""));
    }
    this.working = undefined;
  }

  private show(text: string): void {
    if (!text.startsWith(this.shown) || text.length === this.shown.length) return;
    this.write(printable(text.slice(this.shown.length)));
    this.shown = text;
  }
}
