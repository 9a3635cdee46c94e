/** Where the passwords of keyfiles come from: the ecosystem's `BT_PW_…` variables, else a prompt. */
import { OperatorError } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { passwordVariables, revealPassword } from "../chain/keyfile-password.ts";
import type { PasswordSource } from "../chain/wallet.ts";
import { promptHidden } from "./prompt.ts";
import type { Environment } from "./settings.ts";

/** What the Python wallet asks for at least. */
const lengthMin = 6;

/** For opening encrypted keyfiles. Hand it to `Wallet.unlock`. */
export function passwordSource(environment: Environment = process.env): PasswordSource {
  return async (keyfilePath) => {
    const password =
      fromEnvironment(environment, keyfilePath) ??
      (await promptHidden(`Password of ${keyfilePath}`, hintFor(keyfilePath)));
    log.info("Opening the encrypted key takes some seconds.");
    return password;
  };
}

/** For encrypting a new keyfile: from the environment, else asked for twice. */
export async function newPassword(keyfilePath: string, environment: Environment = process.env): Promise<string> {
  const given = fromEnvironment(environment, keyfilePath);
  if (given !== undefined) return checked(given);
  const password = checked(await promptHidden(`New password for ${keyfilePath}`, hintFor(keyfilePath)));
  const again = await promptHidden("The same again", hintFor(keyfilePath));
  if (again !== password) throw new OperatorError("The two passwords differ.", "Start again; nothing was written.");
  return password;
}

function checked(password: string): string {
  if ([...password].length >= lengthMin) return password;
  throw new OperatorError(`The password has fewer than ${lengthMin} characters.`, "Choose a longer one.");
}

function fromEnvironment(environment: Environment, keyfilePath: string): string | undefined {
  for (const variable of passwordVariables(keyfilePath)) {
    const value = environment[variable];
    if (value === undefined || value === "") continue;
    const password = revealPassword(value, variable);
    if (password !== undefined) return password;
    throw new OperatorError(
      `The variable ${variable} does not hold a password in the wallet's encoding.`,
      "It is base64 of the password XORed with the variable's name; the Python wallet's save_password_to_env makes one.",
    );
  }
  return undefined;
}

function hintFor(keyfilePath: string): string {
  return `Run it on a terminal, or set ${passwordVariables(keyfilePath)[0]}.`;
}
