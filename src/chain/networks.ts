/** From what an operator writes after --network to the endpoints that it means. */
import { OperatorError } from "../base/errors.ts";

const networks: Readonly<Record<string, readonly string[]>> = {
  finney: ["wss://entrypoint-finney.opentensor.ai:443", "wss://lite.chain.opentensor.ai:443"],
  test: ["wss://test.finney.opentensor.ai:443"],
  archive: ["wss://archive.chain.opentensor.ai:443"],
  local: ["ws://127.0.0.1:9944"],
};

/** The endpoints of a network's name or of a comma-separated list, in order of preference. Throws `OperatorError`. */
export function endpointsOf(network: string): readonly string[] {
  const parts = network
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const endpoints = parts.flatMap((part) => (Object.hasOwn(networks, part) ? networks[part]! : [checkedUrl(part)]));
  if (endpoints.length === 0) throw unknownNetwork(network);
  return [...new Set(endpoints)];
}

function checkedUrl(text: string): string {
  if (!/^wss?:\/\//.test(text) || !URL.canParse(text)) throw unknownNetwork(text);
  return text;
}

function unknownNetwork(text: string): OperatorError {
  return new OperatorError(
    `There is no network ${JSON.stringify(text)}.`,
    `Name one of ${Object.keys(networks).join(", ")}, or give WebSocket endpoints: ws://127.0.0.1:9944 or wss://a,wss://b.`,
  );
}
