/** The command line of a benchmark. */
import { parseArgs } from "node:util";

/**
 * The model's folder and the values of the flags, all of them texts. Prints the usage and ends the process when that is
 * what is asked for, or needed.
 * @param defaults of the flags that have one; those of `optional` are undefined when absent
 */
export function modelAndFlags<D extends string, O extends string = never>(
  usage: string,
  defaults: Readonly<Record<D, string>>,
  optional: readonly O[] = [],
): { readonly model: string; readonly flags: Readonly<Record<D, string> & Partial<Record<O, string>>> } {
  const end = (code: number, problem = ""): never => {
    (code === 0 ? process.stdout : process.stderr).write(`${problem}usage: ${usage}\n`);
    process.exit(code);
  };
  const withDefaults = Object.entries<string>(defaults).map(
    ([flag, value]) => [flag, { type: "string", default: value }] as const,
  );
  const without = optional.map((flag) => [flag, { type: "string" }] as const);
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { help: { type: "boolean" }, ...Object.fromEntries([...withDefaults, ...without]) },
    });
    if (values.help === true) end(0);
    if (positionals.length !== 1) end(2, "Give one model's folder.\n");
    return { model: positionals[0]!, flags: values as Record<D, string> & Partial<Record<O, string>> };
  } catch (error) {
    return end(2, `${(error as Error).message}\n`);
  }
}
