/**
 * Renders a parsed template with Jinja's and Python's meaning. The library's own interpreter is not used: in it a
 * variable set in one pass of a loop is seen in the next, `break` loses the text of its pass, True prints as `true`,
 * lengths count UTF-16 units, and 1 equals "1"; each of these changes what a model is scored on.
 */
import { filterOf, testOf } from "./filters.ts";
import { argument, methodOf, slice } from "./methods.ts";
import { negate, operate } from "./operators.ts";
import { Output, Scope } from "./scope.ts";
import {
  type Call,
  generationMark,
  type Identifier,
  type Node,
  type NodeOf,
  negatedTestPrefix,
  testPrefix,
} from "./syntax.ts";
import {
  type Arguments,
  type Callable,
  equal,
  Float,
  failed,
  isMap,
  iterate,
  Namespace,
  numeric,
  or,
  sequence,
  str,
  TemplateProblem,
  Tuple,
  truthy,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

export type Span = [start: number, end: number];

/** Renders statements into `scope.output`; the spans of generation blocks are added to `spans`. */
export function renderNodes(body: readonly Node[], scope: Scope, spans: Span[]): void {
  new Renderer(scope.output, spans).block(body, scope);
}

/** How `break` and `continue` leave a loop's body: what was written before stays. */
class LoopExit extends Error {
  constructor(readonly again: boolean) {
    super("break or continue outside a loop");
  }
}

type Expressions = { readonly [K in Node["type"]]?: (node: NodeOf<K>, scope: Scope) => Value };
type Statements = { readonly [K in Node["type"]]?: (node: NodeOf<K>, scope: Scope) => void };

class Renderer {
  constructor(
    private readonly root: Output,
    private readonly spans: Span[],
  ) {}

  block(body: readonly Node[], scope: Scope): void {
    for (const node of body) {
      const statement = this.statements[node.type] as ((node: Node, scope: Scope) => void) | undefined;
      if (statement === undefined) scope.output.write(str(this.value(node, scope)));
      else statement(node, scope);
    }
  }

  /** What a block writes, with names of its own. */
  private captured(body: readonly Node[], scope: Scope, names: readonly (readonly [string, Value])[] = []): string {
    const inner = new Scope(scope, new Output());
    for (const [name, value] of names) inner.set(name, value);
    this.block(body, inner);
    return inner.output.toString();
  }

  private readonly statements: Statements = {
    Comment: () => undefined,
    Break: () => {
      throw new LoopExit(false);
    },
    Continue: () => {
      throw new LoopExit(true);
    },
    If: (node, scope) => this.block(truthy(this.value(node.test, scope)) ? node.body : node.alternate, scope),
    For: (node, scope) => this.loop(node, scope),
    Set: (node, scope) => {
      const value = node.value === null ? this.captured(node.body, scope) : this.value(node.value, scope);
      this.assign(node.assignee, value, scope);
    },
    Macro: (node, scope) => scope.set(node.name.value, this.macro(node.args, node.body, scope)),
    CallStatement: (node, scope) => {
      const caller = this.macro(node.callerArgs ?? [], node.body, scope);
      const args = this.arguments(node.call.args, scope);
      const named = new Map<string, Value>([...args.named, ["caller", caller]]);
      scope.output.write(str(this.invoke(this.value(node.call.callee, scope), { ...args, named })));
    },
    FilterStatement: (node, scope) => {
      const text = this.captured(node.body, scope);
      if (node.filter.type === "Identifier" && node.filter.value === generationMark) this.generation(text, scope);
      else scope.output.write(str(this.filter(text, node.filter, scope)));
    },
  };

  /** Spans count from the start of the whole text, as transformers counts them. */
  private generation(text: string, scope: Scope): void {
    const start = this.root.length;
    scope.output.write(text);
    const length = Array.from(text).length;
    this.spans.push([start, start + length]);
  }

  private loop(node: NodeOf<"For">, scope: Scope): void {
    const { iterable, loopvar, body } = node;
    const source = iterable.type === "SelectExpression" ? iterable.lhs : iterable;
    const items = iterate(this.value(source, scope)).filter((item) => {
      if (iterable.type !== "SelectExpression") return true;
      const inner = new Scope(scope);
      this.assign(loopvar, item, inner);
      return truthy(this.value(iterable.test, inner));
    });
    if (items.length === 0) this.block(node.defaultBlock, new Scope(scope));
    const changed = lastChange();
    for (const [index, item] of items.entries()) {
      // A new scope for every pass: what one pass sets, the next does not see.
      const inner = new Scope(scope);
      inner.set("loop", loopState(items, index, changed));
      this.assign(loopvar, item, inner);
      try {
        this.block(body, inner);
      } catch (error) {
        if (!(error instanceof LoopExit)) throw error;
        if (!error.again) break;
      }
    }
  }

  private macro(parameters: readonly Node[], body: readonly Node[], scope: Scope): Callable {
    const names = parameters.map(
      (node) => (node.type === "KeywordArgumentExpression" ? node.key : (node as Identifier)).value,
    );
    return ({ positional, named }) => {
      const extra = new Map([...named].filter(([name]) => !names.includes(name)));
      const caller = extra.get("caller");
      const inner = new Scope(scope);
      parameters.forEach((node, at) => {
        const given = at < positional.length ? positional[at] : named.get(names[at]!);
        const otherwise = () =>
          node.type === "KeywordArgumentExpression"
            ? this.value(node.value, inner)
            : new Undefined(`parameter '${names[at]}' was not provided`);
        inner.set(names[at]!, given === undefined ? otherwise() : given);
      });
      extra.delete("caller");
      inner.set("varargs", new Tuple(positional.slice(names.length)));
      inner.set("kwargs", extra);
      return this.captured(body, inner, caller === undefined ? [] : [["caller", caller]]);
    };
  }

  private assign(target: Node, value: Value, scope: Scope): void {
    if (target.type === "Identifier") {
      scope.set(target.value, value);
    } else if (target.type === "TupleLiteral") {
      const items = iterate(value);
      if (items.length !== target.value.length)
        throw failed(`expected ${target.value.length} values to unpack, got ${items.length}`);
      for (const [at, part] of target.value.entries()) this.assign(part, items[at]!, scope);
    } else if (target.type === "MemberExpression" && !target.computed) {
      const object = this.value(target.object, scope);
      if (!(object instanceof Namespace)) throw failed("cannot assign attribute on non-namespace object");
      object.fields.set((target.property as Identifier).value, value);
    } else {
      throw new TemplateProblem("template-unsupported", `assignment to a ${target.type}`);
    }
  }

  value(node: Node, scope: Scope): Value {
    const evaluate = this.expressions[node.type] as ((node: Node, scope: Scope) => Value) | undefined;
    if (evaluate === undefined) throw new TemplateProblem("template-unsupported", `a ${node.type} in this place`);
    return evaluate(node, scope);
  }

  private readonly expressions: Expressions = {
    StringLiteral: (node) => node.value,
    IntegerLiteral: (node) => node.value,
    FloatLiteral: (node) => new Float(node.value),
    ArrayLiteral: (node, scope) => node.value.map((item) => this.value(item, scope)),
    TupleLiteral: (node, scope) => new Tuple(node.value.map((item) => this.value(item, scope))),
    ObjectLiteral: (node, scope) =>
      new Map([...node.value].map(([key, item]) => [str(this.value(key, scope)), this.value(item, scope)])),
    Identifier: (node, scope) => scope.get(node.value),
    SelectExpression: (node, scope) =>
      truthy(this.value(node.test, scope)) ? this.value(node.lhs, scope) : new Undefined("the inline if-expression"),
    Ternary: (node, scope) =>
      this.value(truthy(this.value(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope),
    UnaryExpression: (node, scope) => {
      const value = this.value(node.argument, scope);
      return node.operator.value === "not" ? !truthy(value) : negate(node.operator.value, value);
    },
    BinaryExpression: (node, scope) => {
      const left = this.value(node.left, scope);
      if (node.operator.value === "and") return truthy(left) ? this.value(node.right, scope) : left;
      if (node.operator.value === "or") return truthy(left) ? left : this.value(node.right, scope);
      return operate(node.operator.value, left, this.value(node.right, scope));
    },
    FilterExpression: (node, scope) => this.filter(this.value(node.operand, scope), node.filter, scope),
    TestExpression: (node, scope) =>
      testOf(node.test.value)(this.value(node.operand, scope), { positional: [], named: new Map() }) !== node.negate,
    CallExpression: (node, scope) => this.invoke(this.value(node.callee, scope), this.arguments(node.args, scope)),
    MemberExpression: (node, scope) => this.member(node, scope),
  };

  private invoke(callee: Value, args: Arguments): Value {
    if (callee instanceof Undefined) throw failed(`'${callee.hint}' is undefined`);
    if (typeof callee !== "function") throw failed(`'${typeName(callee)}' object is not callable`);
    return callee(args);
  }

  private arguments(nodes: readonly Node[], scope: Scope): Arguments {
    const positional: Value[] = [];
    const named = new Map<string, Value>();
    for (const node of nodes) {
      if (node.type === "KeywordArgumentExpression") named.set(node.key.value, this.value(node.value, scope));
      else if (node.type === "SpreadExpression") positional.push(...iterate(this.value(node.argument, scope)));
      else if (node.type === "KeywordSpreadExpression") {
        const fields = this.value(node.argument, scope);
        if (!isMap(fields)) throw failed(`argument after ** must be a mapping, not ${typeName(fields)}`);
        for (const [name, value] of fields) named.set(name, value);
      } else positional.push(this.value(node, scope));
    }
    return { positional, named };
  }

  private filter(operand: Value, filter: Identifier | Call, scope: Scope): Value {
    const name = (filter.type === "Identifier" ? filter : (filter.callee as Identifier)).value;
    const args = this.arguments(filter.type === "Identifier" ? [] : filter.args, scope);
    if (name.startsWith(negatedTestPrefix)) return !testOf(name.slice(negatedTestPrefix.length))(operand, args);
    if (name.startsWith(testPrefix)) return testOf(name.slice(testPrefix.length))(operand, args);
    return filterOf(name)(operand, args);
  }

  private member({ object: objectNode, property, computed }: NodeOf<"MemberExpression">, scope: Scope): Value {
    const object = this.value(objectNode, scope);
    if (object instanceof Undefined) throw failed(`'${object.hint}' is undefined`);
    if (computed && property.type === "SliceExpression") {
      const part = (node: Node | undefined) => (node === undefined ? null : this.value(node, scope));
      return slice(object, part(property.start), part(property.stop), part(property.step));
    }
    const key = computed ? this.value(property, scope) : (property as Identifier | NodeOf<"IntegerLiteral">).value;
    // `a.items` is the method before the key, `a["items"]` the key before the method.
    const [first, second] = computed ? [item, attribute] : [attribute, item];
    const found = first(object, key);
    return or(found === undefined ? second(object, key) : found, new Undefined(str(key)));
  }
}

function attribute(object: Value, key: Value): Value | undefined {
  if (typeof key !== "string") return undefined;
  return object instanceof Namespace ? object.fields.get(key) : methodOf(object, key);
}

function item(object: Value, key: Value): Value | undefined {
  if (isMap(object)) return typeof key === "string" ? object.get(key) : undefined;
  const at = numeric(key);
  if (at === undefined || !Number.isInteger(at)) return undefined;
  return typeof object === "string" ? Array.from(object).at(at) : sequence(object)?.at(at);
}

/** Jinja's `loop`. */
function loopState(items: readonly Value[], index: number, changed: Callable): Value {
  const count = items.length;
  return new Map<string, Value>([
    ["index", index + 1],
    ["index0", index],
    ["revindex", count - index],
    ["revindex0", count - index - 1],
    ["first", index === 0],
    ["last", index === count - 1],
    ["length", count],
    ["previtem", or(items[index - 1], new Undefined("there is no previous item"))],
    ["nextitem", or(items[index + 1], new Undefined("there is no next item"))],
    ["cycle", ({ positional }: Arguments) => positional[index % positional.length] ?? null],
    ["changed", changed],
  ]);
}

/** `loop.changed(…)`: whether its arguments differ from those of the last call. */
function lastChange(): Callable {
  let last: Value | undefined;
  return ({ positional }) => {
    const now = new Tuple(positional);
    const same = last !== undefined && equal(last, now);
    last = now;
    return !same;
  };
}

/** The functions that a chat template finds. */
export function globals(now: (format: string) => string): ReadonlyMap<string, Value> {
  return new Map<string, Value>([
    ["raise_exception", (args) => raise(args)],
    ["strftime_now", (args) => now(str(argument(args, 0, "format") ?? ""))],
    ["namespace", ({ positional, named }) => new Namespace(new Map([...positional.flatMap(fields), ...named]))],
    ["dict", ({ positional, named }) => new Map([...positional.flatMap(fields), ...named])],
    ["range", range],
    ["true", true],
    ["True", true],
    ["false", false],
    ["False", false],
    ["none", null],
    ["None", null],
  ]);
}

function raise(args: Arguments): never {
  throw new TemplateProblem("template-raised", str(argument(args, 0, "message") ?? ""));
}

function fields(value: Value): (readonly [string, Value])[] {
  if (isMap(value)) return [...value];
  return iterate(value).map((pair) => {
    const [key, content] = iterate(pair);
    return [str(key ?? null), content ?? null] as const;
  });
}

/** The sandbox's limit on what a range may hold. */
const rangeMax = 100_000;

function range({ positional }: Arguments): Value {
  const numbers = positional.map((value) => {
    const amount = numeric(value);
    if (amount === undefined) throw failed(`'${typeName(value)}' object cannot be interpreted as an integer`);
    return amount;
  });
  const [start, stop, step] =
    numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 1];
  if (step === 0) throw failed("range() arg 3 must not be zero");
  const count = Math.max(Math.ceil((stop - start) / step), 0);
  if (count > rangeMax) throw failed(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${rangeMax}).`);
  return Array.from({ length: count }, (_, at) => start + at * step);
}
