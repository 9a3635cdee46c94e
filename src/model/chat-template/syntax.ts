/**
 * From a template's text to its syntax tree. @huggingface/jinja does the lexing and parsing; what it does not know is
 * rewritten into what it knows before it parses:
 * - `{% generation %}…{% endgeneration %}` (which it deletes) becomes a filter block with a name of ours;
 * - a test with an argument (`x is divisibleby(3)`, `x is eq "a"`) becomes a filter with a name of ours;
 *   `x is in y` becomes `x in y`.
 */
import { parse, tokenize } from "@huggingface/jinja";

/** The filter block that stands for `{% generation %}`. */
export const generationMark = "__generation__";
/** The filters that stand for `is NAME(…)` and `is not NAME(…)`. */
export const testPrefix = "__is__";
export const negatedTestPrefix = "__is_not__";

/** Parses a template. Throws what the library throws for a mistake in it. */
export function parseTemplate(source: string): readonly Node[] {
  const marked = source
    .replace(/\{%([-+]?)\s*generation\s*(-?)%\}/g, `{%$1 filter ${generationMark} $2%}`)
    .replace(/\{%([-+]?)\s*endgeneration\s*(-?)%\}/g, "{%$1 endfilter $2%}");
  const tokens = tokenize(marked, { trim_blocks: true, lstrip_blocks: true });
  return parse(rewriteTests(tokens)).body as unknown as readonly Node[];
}

type Tokens = ReturnType<typeof tokenize>;
type Token = Tokens[number];

/** Words that end a test: what follows is not its argument. */
const keywords = new Set(["and", "or", "not", "if", "else", "in", "is", "recursive"]);

function rewriteTests(tokens: Tokens): Tokens {
  const result: Token[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const negated = isWord(tokens[at + 1], "not");
    // `is in` says what the operator `in` says.
    if (isWord(tokens[at], "is") && isWord(tokens[at + (negated ? 2 : 1)], "in")) continue;
    const name = tokens[at + (negated ? 2 : 1)];
    const next = tokens[at + (negated ? 3 : 2)];
    if (!isWord(tokens[at], "is") || name?.type !== "Identifier" || !isArgument(next)) {
      result.push(tokens[at]!);
      continue;
    }
    const prefix = negated ? negatedTestPrefix : testPrefix;
    result.push(like(name, "|", "Pipe"), like(name, prefix + name.value, "Identifier"));
    at += negated ? 2 : 1;
    if (next.type === "OpenParen") continue;
    result.push(like(name, "(", "OpenParen"), next, like(name, ")", "CloseParen"));
    at += 1;
  }
  return result;
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.type === "Identifier" && token.value === word;
}

function isArgument(token: Token | undefined): token is Token {
  if (token === undefined) return false;
  if (token.type === "Identifier") return !keywords.has(token.value);
  return token.type === "OpenParen" || token.type === "StringLiteral" || token.type === "NumericLiteral";
}

/** The library checks tokens by their fields alone. */
function like(token: Token, value: string, type: Token["type"]): Token {
  return { ...token, value, type };
}

/** The library's tree; its types are not exported. */
export type Node =
  | { readonly type: "Comment" | "Break" | "Continue" }
  | { readonly type: "If"; readonly test: Node; readonly body: readonly Node[]; readonly alternate: readonly Node[] }
  | {
      readonly type: "For";
      readonly loopvar: Node;
      readonly iterable: Node;
      readonly body: readonly Node[];
      readonly defaultBlock: readonly Node[];
    }
  | { readonly type: "Set"; readonly assignee: Node; readonly value: Node | null; readonly body: readonly Node[] }
  | {
      readonly type: "Macro";
      readonly name: Identifier;
      readonly args: readonly Node[];
      readonly body: readonly Node[];
    }
  | {
      readonly type: "CallStatement";
      readonly call: Call;
      readonly callerArgs: readonly Node[] | null;
      readonly body: readonly Node[];
    }
  | { readonly type: "FilterStatement"; readonly filter: Identifier | Call; readonly body: readonly Node[] }
  | { readonly type: "MemberExpression"; readonly object: Node; readonly property: Node; readonly computed: boolean }
  | Call
  | Identifier
  | { readonly type: "IntegerLiteral" | "FloatLiteral"; readonly value: number }
  | { readonly type: "StringLiteral"; readonly value: string }
  | { readonly type: "ArrayLiteral" | "TupleLiteral"; readonly value: readonly Node[] }
  | { readonly type: "ObjectLiteral"; readonly value: ReadonlyMap<Node, Node> }
  | {
      readonly type: "BinaryExpression";
      readonly operator: { readonly value: string };
      readonly left: Node;
      readonly right: Node;
    }
  | { readonly type: "UnaryExpression"; readonly operator: { readonly value: string }; readonly argument: Node }
  | { readonly type: "FilterExpression"; readonly operand: Node; readonly filter: Identifier | Call }
  | { readonly type: "TestExpression"; readonly operand: Node; readonly negate: boolean; readonly test: Identifier }
  | { readonly type: "SelectExpression"; readonly lhs: Node; readonly test: Node }
  | { readonly type: "Ternary"; readonly condition: Node; readonly trueExpr: Node; readonly falseExpr: Node }
  | { readonly type: "SliceExpression"; readonly start?: Node; readonly stop?: Node; readonly step?: Node }
  | { readonly type: "KeywordArgumentExpression"; readonly key: Identifier; readonly value: Node }
  | { readonly type: "SpreadExpression" | "KeywordSpreadExpression"; readonly argument: Node };

export interface Identifier {
  readonly type: "Identifier";
  readonly value: string;
}
export interface Call {
  readonly type: "CallExpression";
  readonly callee: Node;
  readonly args: readonly Node[];
}
export type NodeOf<K extends Node["type"]> = Node & { readonly type: K };
