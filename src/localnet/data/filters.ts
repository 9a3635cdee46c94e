/** W&B's run filters: the part of MongoDB's query language that its clients send, over a run's fields and config. */
import type { Run } from "./runs.ts";

type Test = (actual: unknown, wanted: unknown) => boolean;

const comparable = (a: unknown, b: unknown): a is string | number => typeof a === typeof b && a !== undefined;
const tests: Readonly<Record<string, Test>> = {
  $eq: (actual, wanted) => actual === wanted,
  $ne: (actual, wanted) => actual !== wanted,
  $gt: (actual, wanted) => comparable(actual, wanted) && actual > (wanted as string | number),
  $gte: (actual, wanted) => comparable(actual, wanted) && actual >= (wanted as string | number),
  $lt: (actual, wanted) => comparable(actual, wanted) && actual < (wanted as string | number),
  $lte: (actual, wanted) => comparable(actual, wanted) && actual <= (wanted as string | number),
  $in: (actual, wanted) => Array.isArray(wanted) && wanted.includes(actual),
  $nin: (actual, wanted) => Array.isArray(wanted) && !wanted.includes(actual),
  $exists: (actual, wanted) => (actual !== undefined) === wanted,
  $regex: (actual, wanted) => typeof actual === "string" && actual.includes(String(wanted)),
};

/** True when a run passes a filter. Throws with a sentence for an operator that is not known here. */
export function passes(run: Run, filter: unknown): boolean {
  if (typeof filter !== "object" || filter === null) throw new Error("a filter must be a JSON object");
  return Object.entries(filter).every(([key, wanted]) => {
    if (key === "$and") return listOf(wanted).every((each) => passes(run, each));
    if (key === "$or") return listOf(wanted).some((each) => passes(run, each));
    if (key === "$not") return !passes(run, wanted);
    if (key.startsWith("$")) throw new Error(`the filter ${key} is not known here`);
    return matches(fieldOf(run, key), wanted);
  });
}

function matches(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return actual === wanted;
  return Object.entries(wanted).every(([operator, operand]) => {
    const test = Object.hasOwn(tests, operator) ? tests[operator] : undefined;
    if (test === undefined) throw new Error(`the operator ${operator} is not known here`);
    return test(actual, operand);
  });
}

/** `config.type` and `config.type.value` are the same field: clients send both. */
function fieldOf(run: Run, key: string): unknown {
  const config = /^config\.(.+?)(\.value)?$/.exec(key)?.[1];
  if (config !== undefined) return run.config[config];
  const fields: Readonly<Record<string, unknown>> = {
    name: run.id,
    display_name: run.displayName,
    displayName: run.displayName,
    state: run.state,
    created_at: run.createdAt,
    createdAt: run.createdAt,
    heartbeat_at: run.heartbeatAt,
    heartbeatAt: run.heartbeatAt,
    tags: run.tags[0],
  };
  return fields[key];
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error("$and and $or take a list of filters");
  return value;
}
