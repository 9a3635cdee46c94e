/** Python's operators on a template's values. */
import { contained } from "./filters.ts";
import { printf } from "./printf.ts";
import {
  compare,
  equal,
  Float,
  failed,
  isList,
  numeric,
  repr,
  sequence,
  str,
  TemplateProblem,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

type Operator = (left: Value, right: Value) => Value;

/** Both sides evaluated; `and` and `or` are the evaluator's, since they may not evaluate the right one. */
export function operate(operator: string, left: Value, right: Value): Value {
  const apply = Object.hasOwn(operators, operator) ? operators[operator]! : undefined;
  if (apply === undefined)
    throw new TemplateProblem("template-unsupported", `the operator ${operator} is not supported`);
  return apply(left, right);
}

function defined(value: Value): void {
  if (value instanceof Undefined) throw failed(`'${value.hint}' is undefined`);
}

function arithmetic(symbol: string, compute: (a: number, b: number) => number): Operator {
  return (left, right) => {
    defined(left);
    defined(right);
    const [a, b] = [numeric(left), numeric(right)];
    if (a === undefined || b === undefined)
      throw failed(`unsupported operand type(s) for ${symbol}: '${typeName(left)}' and '${typeName(right)}'`);
    const result = compute(a, b);
    if (left instanceof Float || right instanceof Float) return new Float(result);
    if (Math.abs(result) > Number.MAX_SAFE_INTEGER)
      throw new TemplateProblem("template-unsupported", "an integer of more than 53 bits");
    return result;
  };
}

function nonZero(value: number): number {
  if (value === 0) throw failed("division by zero");
  return value;
}

function add(left: Value, right: Value): Value {
  if (typeof left === "string" && typeof right === "string") return left + right;
  if (isList(left) && isList(right)) return [...left, ...right];
  if (left instanceof Tuple && right instanceof Tuple) return new Tuple([...left.items, ...right.items]);
  defined(left);
  defined(right);
  if (typeof left === "string") throw failed(`can only concatenate str (not "${typeName(right)}") to str`);
  if (isList(left)) throw failed(`can only concatenate list (not "${typeName(right)}") to list`);
  return sum(left, right);
}
const sum = arithmetic("+", (a, b) => a + b);

/** Repetition is how a short template would ask for a text of any length. */
const repetitionMax = 1 << 20;

function multiply(left: Value, right: Value): Value {
  const [many, times] = typeof left === "string" || sequence(left) ? [left, right] : [right, left];
  const count = typeof times === "number" ? Math.max(times, 0) : undefined;
  const items = sequence(many);
  if (count === undefined || (typeof many !== "string" && items === undefined)) return product(left, right);
  const length = typeof many === "string" ? many.length : items!.length;
  if (length * count > repetitionMax) throw new TemplateProblem("template-too-large", "a repetition is too long");
  if (typeof many === "string") return many.repeat(count);
  const repeated = Array.from({ length: count }, () => items!).flat();
  return many instanceof Tuple ? new Tuple(repeated) : repeated;
}
const product = arithmetic("*", (a, b) => a * b);

function power(left: Value, right: Value): Value {
  const result = raise(left, right);
  return typeof result === "number" && !Number.isInteger(result) ? new Float(result) : result;
}
const raise = arithmetic("**", (a, b) => a ** b);

function divide(left: Value, right: Value): Value {
  const result = quotient(left, right);
  return result instanceof Float ? result : new Float(result as number);
}
const quotient = arithmetic("/", (a, b) => a / nonZero(b));
const remainder = arithmetic("%", (a, b) => a - nonZero(b) * Math.floor(a / b));

function ordered(symbol: string, accept: (order: number) => boolean): Operator {
  return (left, right) => {
    defined(left);
    defined(right);
    if (left === null || right === null)
      throw failed(`'${symbol}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`);
    return accept(compare(left, right));
  };
}

const operators: Readonly<Record<string, Operator>> = {
  "==": (left, right) => equal(left, right),
  "!=": (left, right) => !equal(left, right),
  "<": ordered("<", (order) => order < 0),
  "<=": ordered("<=", (order) => order <= 0),
  ">": ordered(">", (order) => order > 0),
  ">=": ordered(">=", (order) => order >= 0),
  in: (left, right) => contained(left, right),
  "not in": (left, right) => !contained(left, right),
  "~": (left, right) => str(left) + str(right),
  "+": add,
  "-": arithmetic("-", (a, b) => a - b),
  "*": multiply,
  "**": power,
  "/": divide,
  "//": arithmetic("//", (a, b) => Math.floor(a / nonZero(b))),
  "%": (left, right) => (typeof left === "string" ? printf(left, right) : remainder(left, right)),
};

/** `-value`, `+value` */
export function negate(sign: string, value: Value): Value {
  const amount = numeric(value);
  if (amount === undefined) throw failed(`bad operand type for unary ${sign}: ${repr(value)}`);
  const result = sign === "-" ? -amount : amount;
  // -0 is a float only: an int has one zero.
  return value instanceof Float ? new Float(result) : result + 0;
}
