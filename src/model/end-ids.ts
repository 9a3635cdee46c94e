/** Which token ids end an answer, as `eos_token_id` of generation_config.json or config.json says: one, several or none. */
import type { JsonObject } from "../base/json.ts";

export function endIds({ eos_token_id: ids }: JsonObject): readonly number[] {
  return (Array.isArray(ids) ? ids : [ids]).filter(
    (id): id is number => Number.isSafeInteger(id) && (id as number) >= 0,
  );
}

/** The ids that end an answer of a model: generation_config.json's, else config.json's. */
export function endIdsOfModel(files: {
  readonly generationConfig: JsonObject | undefined;
  readonly config: JsonObject;
}): readonly number[] {
  const own = files.generationConfig === undefined ? [] : endIds(files.generationConfig);
  return own.length > 0 ? own : endIds(files.config);
}
