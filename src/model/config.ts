/**
 * Reads config.json, so that nothing in it is passed over in silence: every key is used, or known to be without effect
 * on the model's outputs, or refused by name.
 *
 * An architecture asks for the keys that it uses, with the default that its class has; `finish` then refuses what
 * nobody asked for. Reading stops at the first problem by throwing `ModelProblem`, which never leaves src/model:
 * `readModel` turns it into a value.
 */
import { type Invalid, invalid } from "../base/invalid.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";

export class ModelProblem extends Error {
  constructor(readonly invalid: Invalid) {
    super(invalid.detail);
  }
}

/** Sizes beyond these are no language model; they bound what a config can make the program build. */
const integerMax = 2 ** 31 - 1;
const listLengthMax = 65_536;

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

interface NumberBounds extends Bounds {
  /** The value must be larger than this. */
  readonly above?: number;
}

export class ConfigReader {
  readonly #used = new Set<string>();
  readonly #children: ConfigReader[] = [];

  /** @param path what to write before a key in messages: empty, or `rope_scaling.` */
  constructor(
    readonly className: string,
    private readonly values: JsonObject,
    private readonly path = "",
  ) {}

  /** True where the key is there with something else than null. */
  has(key: string): boolean {
    return Object.hasOwn(this.values, key) && this.values[key] !== null;
  }

  /** True where the key is there at all, if only with null: an explicit null can mean something else than absence. */
  lists(key: string): boolean {
    return Object.hasOwn(this.values, key);
  }

  /** A whole number; without a default the key is required. */
  integer(key: string, fallback?: number, { min = 1, max = integerMax }: Bounds = {}): number {
    const value = this.#take(key) ?? fallback ?? this.#missing(key);
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
      this.#malformed(key, `a whole number from ${min} to ${max}`);
    return value as number;
  }

  number(key: string, fallback?: number, bounds: NumberBounds = {}): number {
    const { min = -Infinity, max = Infinity, above = -Infinity } = bounds;
    const value = this.#take(key) ?? fallback ?? this.#missing(key);
    if (typeof value !== "number" || !Number.isFinite(value) || value < min || value <= above || value > max) {
      const lower = above === -Infinity ? (min === -Infinity ? "" : ` of at least ${min}`) : ` above ${above}`;
      this.#malformed(key, `a number${lower}${max === Infinity ? "" : ` and at most ${max}`}`);
    }
    return value as number;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#take(key) ?? fallback;
    if (typeof value !== "boolean") this.#malformed(key, "true or false");
    return value as boolean;
  }

  /** One of the words of a table, and what the table has for it. Another word is refused as not supported. */
  choice<T>(key: string, table: Readonly<Record<string, T>>, fallback?: string): T {
    const value = this.#take(key) ?? fallback ?? this.#missing(key);
    if (typeof value !== "string" || !Object.hasOwn(table, value)) this.refuse(key);
    return table[value as string]!;
  }

  /** A list of numbers; undefined where the key is absent or null. */
  numbers(key: string): readonly number[] | undefined {
    return this.#list(key, (item) => typeof item === "number" && Number.isFinite(item), "a list of numbers");
  }

  words(key: string): readonly string[] | undefined {
    return this.#list(key, (item) => typeof item === "string", "a list of words");
  }

  /** An object of its own keys, with the same care; undefined where the key is absent, null or empty. */
  object(key: string): ConfigReader | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.#malformed(key, "an object");
    if (Object.keys(value).length === 0) return undefined;
    const child = new ConfigReader(this.className, value, `${this.path}${key}.`);
    this.#children.push(child);
    return child;
  }

  /** A reader of what stands for an object that the config leaves out; its keys need not all be used. */
  stand(values: JsonObject | undefined): ConfigReader | undefined {
    return values && new ConfigReader(this.className, values, this.path);
  }

  /** The value as it is, for shapes that no other method reads. */
  json(key: string): Json | undefined {
    return this.#take(key);
  }

  /** These keys change nothing of what the model computes. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#used.add(key);
  }

  /** This key may hold only these values (null and absence are fine): with them it is without effect. */
  only(key: string, ...values: readonly Json[]): void {
    const value = this.#take(key);
    if (value !== undefined && !values.some((allowed) => JSON.stringify(allowed) === JSON.stringify(value)))
      this.refuse(key);
  }

  /** Refuses the value of a key that this architecture cannot compute. */
  refuse(key: string, because = ""): never {
    const value = JSON.stringify(this.values[key]) ?? "(absent)";
    const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
    throw new ModelProblem(
      invalid(
        "config-unsupported",
        `config.json: ${this.path}${key} ${shown} is not supported by ${this.className}${because === "" ? "" : `: ${because}`}`,
      ),
    );
  }

  /** A combination that makes no model. */
  contradict(what: string): never {
    throw new ModelProblem(invalid("config-malformed", `config.json: ${what}`));
  }

  /** Refuses every key that nobody asked for. */
  finish(): void {
    for (const child of this.#children) child.finish();
    const unknown = Object.keys(this.values).find((key) => !this.#used.has(key));
    if (unknown !== undefined) {
      const name = `${this.path}${unknown.slice(0, 80)}`;
      throw new ModelProblem(
        invalid("config-unsupported", `config.json: the key ${name} is not known to ${this.className}`),
      );
    }
  }

  #take(key: string): Json | undefined {
    this.#used.add(key);
    return Object.hasOwn(this.values, key) ? (this.values[key] ?? undefined) : undefined;
  }

  #list<T>(key: string, fits: (item: Json) => boolean, what: string): readonly T[] | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length > listLengthMax || !value.every(fits)) this.#malformed(key, what);
    return value as readonly T[];
  }

  #missing(key: string): never {
    throw new ModelProblem(invalid("config-malformed", `config.json: ${this.path}${key} is missing`));
  }

  #malformed(key: string, wanted: string): never {
    throw new ModelProblem(invalid("config-malformed", `config.json: ${this.path}${key} is not ${wanted}`));
  }
}

/**
 * Keys that every configuration class of transformers has, and that tools add, none of which changes a logit: names and
 * versions, what generation does by default, training settings. Dropout is off when a model is measured.
 */
export const withoutEffect: readonly string[] = [
  ..."_name_or_path _model_name_or_path _attn_implementation_autoset _from_model_config architectures auto_map model_type name_or_path".split(
    " ",
  ),
  ..."transformers_version torch_dtype dtype unsloth_fixed unsloth_version attn_implementation _commit_hash".split(" "),
  ..."bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id unk_token_id mask_token_id".split(" "),
  ..."decoder_start_token_id forced_bos_token_id forced_eos_token_id tokenizer_class prefix".split(" "),
  ..."initializer_range use_cache output_attentions output_hidden_states return_dict torchscript".split(" "),
  ..."id2label label2id num_labels problem_type finetuning_task task_specific_params chunk_size_feed_forward".split(
    " ",
  ),
  ..."max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty".split(" "),
  ..."temperature top_k top_p typical_p repetition_penalty length_penalty no_repeat_ngram_size".split(" "),
  ..."encoder_no_repeat_ngram_size bad_words_ids num_return_sequences output_scores".split(" "),
  ..."return_dict_in_generate remove_invalid_values exponential_decay_length_penalty".split(" "),
  ..."suppress_tokens begin_suppress_tokens tf_legacy_loss use_bfloat16 pretraining_tp".split(" "),
  ..."attention_dropout hidden_dropout activation_dropout dropout embd_pdrop resid_pdrop attn_pdrop".split(" "),
  ..."residual_dropout embedding_dropout classifier_dropout layerdrop".split(" "),
  ..."is_decoder gradient_checkpointing model_max_length transformers.js_config _num_labels".split(" "),
  ..."_attn_implementation _flash_attn_2_enabled use_flash_attn neftune_noise_alpha".split(" "),
];

/** Keys of every class whose other values would change the model into something else. */
export function refuseForeign(config: ConfigReader): void {
  config.only("is_encoder_decoder", false);
  config.only("add_cross_attention", false);
  config.only("cross_attention_hidden_size");
  config.only("tie_encoder_decoder", false);
  config.only("pruned_heads", {});
  config.only("quantization_config");
  config.only("per_layer_config");
}
