/** Errors of the pallets by name, as dispatch errors carry them: the pallet's index and the error's. */
import { DispatchFailure } from "../runtime.ts";
import { encode, type ScaleType, type ValueOf } from "../scale/type.ts";
import { balancesErrors } from "./balances.ts";
import { commitmentsErrors } from "./commitments.ts";
import { subtensorErrors } from "./subtensor-events.ts";

type ErrorName<S> = ValueOf<S> extends { readonly type: infer N extends string } ? N : never;

export const balancesFailure = failuresOf<ErrorName<typeof balancesErrors>>(5, balancesErrors);
export const subtensorFailure = failuresOf<ErrorName<typeof subtensorErrors>>(7, subtensorErrors);
export const commitmentsFailure = failuresOf<ErrorName<typeof commitmentsErrors>>(18, commitmentsErrors);

function failuresOf<Name extends string>(index: number, errors: ScaleType<{ type: Name; value: null }>) {
  return (name: Name): DispatchFailure => {
    const code = encode(errors, { type: name, value: null })[0]!;
    const error = `0x${code.toString(16).padStart(2, "0")}000000`;
    return new DispatchFailure({ type: "Module", value: { index, error } }, name);
  };
}
