/** Names and their values, and the text that is being made. */
import { codePoints, TemplateProblem, Undefined, type Value } from "./values.ts";

/** A frame of names. `if` opens none; a pass of a loop, a macro and a block that is captured open one each. */
export class Scope {
  private readonly values = new Map<string, Value>();

  constructor(
    private readonly parent?: Scope,
    readonly output: Output = parent!.output,
  ) {}

  get(name: string): Value {
    const value = this.values.get(name);
    if (value !== undefined) return value;
    return this.parent === undefined ? new Undefined(name) : this.parent.get(name);
  }

  set(name: string, value: Value): void {
    this.values.set(name, value);
  }
}

/** Four bytes a character at most: far beyond any context window. */
const codePointsMax = 1 << 24;

/** Text in the making, which knows its length in code points. */
export class Output {
  private readonly parts: string[] = [];
  length = 0;

  write(text: string): void {
    if (text === "") return;
    this.parts.push(text);
    this.length += codePoints(text);
    if (this.length > codePointsMax)
      throw new TemplateProblem("template-too-large", `the template makes more than ${codePointsMax} characters`);
  }

  toString(): string {
    return this.parts.join("");
  }
}
