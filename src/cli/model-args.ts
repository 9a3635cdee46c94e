/** The flags that commands on models share, and what they give. */
import type { ArgsDef } from "citty";
import type { Links } from "../model/untrusted-file.ts";
import { settingArgs } from "./settings.ts";

/** The flags of every command that takes a MODEL. */
export const modelArgs = {
  model: {
    type: "positional",
    required: true,
    description: "a model's folder, or namespace/name[@revision] of the hub",
    valueHint: "MODEL",
  },
  ...settingArgs("hub", "token", "cache"),
  "disk-max": {
    type: "string",
    valueHint: "GB",
    default: "200",
    description: "the most that downloaded models may take",
  },
  "cache-links": {
    type: "boolean",
    description: "follow links into ../../blobs, as in a snapshot folder of a Hugging Face cache",
  },
} as const satisfies ArgsDef;

/** The flag of every command that takes text. */
export const tokenizerArg = {
  type: "string",
  valueHint: "MODEL",
  description: "the tokenizer and chat template of another model [the model's own]",
} as const;

export interface ModelFlags {
  readonly model: string;
  readonly "disk-max": string;
  readonly "cache-links"?: boolean | undefined;
}

export type ModelPlace =
  | { readonly kind: "folder"; readonly path: string; readonly links: Links }
  | { readonly kind: "repository"; readonly repo: string; readonly revision: string };

export interface LocalModel extends AsyncDisposable {
  readonly folder: string;
  readonly links: Links;
}
