/**
 * A consensus question as a person writes it: a JSON file with stakes in TAO and weights in any scale, everything else
 * optional. It is brought into the form that the chain would have stored.
 */
import { z } from "zod";
import { defaultParameters, type EpochInput } from "./epoch-input.ts";
import type { StoredRow } from "./sparse.ts";

const uidsMax = 4096;
const u16Max = 65_535;
const raoPerTao = 1e9;

const u16 = z.int().min(0).max(u16Max);
const block = z
  .int()
  .min(0)
  .max(2 ** 32);
const amount = z.number().min(0).max(2.1e7);
/** Any scale; bounded so that scaling cannot overflow. */
const weight = z
  .number()
  .min(0)
  .max(2 ** 53);
const sparseRow = z.array(z.tuple([u16, weight])).max(uidsMax);
const denseRow = z.array(weight).max(uidsMax);
const rows = z.array(z.union([denseRow, sparseRow])).max(uidsMax);
const perUid = <T extends z.ZodType>(value: T) => z.array(value).max(uidsMax).optional();

const schema = z.strictObject({
  stake: z.array(amount).min(1).max(uidsMax),
  weights: rows,
  bonds: rows.optional(),
  permit: perUid(z.boolean()),
  lastUpdate: perUid(block),
  registered: perUid(block),
  commit: perUid(block.nullable()),
  owner: u16.optional(),
  emission: amount.default(1),
  block: block.default(1000),
  tempo: z.int().min(0).max(u16Max).default(360),
  lastStep: block.default(0),
  parameters: z
    .strictObject({
      yuma: z.union([z.literal(2), z.literal(3)]),
      kappa: u16,
      bondsPenalty: u16,
      bondsMovingAverage: z.int().min(0).max(1_000_000),
      validatorsMax: z.int().min(0).max(uidsMax),
      activityCutoff: z
        .int()
        .min(0)
        .max(2 ** 32),
      stakeThreshold: amount,
      liquidAlpha: z.strictObject({ low: u16, high: u16, steepness: z.int().min(-32_768).max(32_767) }),
      commitReveal: z.boolean(),
    })
    .partial()
    .default({}),
});

type Content = z.infer<typeof schema>;

/** Reads parsed JSON into the input of an epoch, or says in one sentence what is wrong with it. */
export function readEpochFile(value: unknown): EpochInput | { readonly problem: string } {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return { problem: `${issue.path.length === 0 ? "the file" : issue.path.join(".")}: ${issue.message}` };
  }
  const problem = problemOf(parsed.data);
  return problem === undefined ? inputOf(parsed.data) : { problem };
}

/** What the types cannot say: everything has one entry a uid. */
function problemOf(content: Content): string | undefined {
  const size = content.stake.length;
  for (const name of ["weights", "bonds", "permit", "lastUpdate", "registered", "commit"] as const) {
    const given = content[name];
    if (given !== undefined && given.length !== size)
      return `${name} has ${given.length} entries for the ${size} uids of stake`;
  }
  if (content.owner !== undefined && content.owner >= size)
    return `owner is ${content.owner}, but uids end at ${size - 1}`;
  for (const name of ["weights", "bonds"] as const)
    for (const [uid, row] of (content[name] ?? []).entries()) {
      if (isDense(row) && row.length !== size) return `${name}.${uid} has ${row.length} entries for ${size} uids`;
      const columns = sparse(row).map(([column]) => column);
      if (columns.some((column) => column >= size)) return `${name}.${uid} names a uid beyond ${size - 1}`;
      if (new Set(columns).size !== columns.length) return `${name}.${uid} names a uid twice`;
      if (name === "bonds" && sparse(row).some(([, bond]) => !Number.isInteger(bond) || bond > u16Max))
        return `bonds.${uid} holds a bond that is not a u16`;
    }
  return undefined;
}

function inputOf(content: Content): EpochInput {
  const { parameters, stake } = content;
  return {
    block: content.block,
    tempoBlocks: content.tempo,
    lastStepBlock: content.lastStep,
    owner: content.owner,
    emissionRao: toRao(content.emission),
    parameters: {
      ...defaultParameters,
      ...(parameters.yuma === undefined ? {} : { yuma: parameters.yuma }),
      kappa: parameters.kappa ?? defaultParameters.kappa,
      bondsPenalty: parameters.bondsPenalty ?? defaultParameters.bondsPenalty,
      bondsMovingAverage: parameters.bondsMovingAverage ?? defaultParameters.bondsMovingAverage,
      validatorsMax: parameters.validatorsMax ?? defaultParameters.validatorsMax,
      activityCutoffBlocks: parameters.activityCutoff ?? defaultParameters.activityCutoffBlocks,
      stakeThresholdRao: toRao(parameters.stakeThreshold ?? 0),
      liquidAlpha: parameters.liquidAlpha,
      commitReveal: parameters.commitReveal ?? defaultParameters.commitReveal,
    },
    neurons: stake.map((tao, uid) => ({
      stake: toRao(tao) << 64n,
      validatorPermit: content.permit?.[uid] ?? tao > 0,
      lastUpdateBlock: content.lastUpdate?.[uid] ?? content.block,
      registrationBlock: content.registered?.[uid] ?? 0,
      commitBlock: content.commit?.[uid] ?? undefined,
    })),
    weights: content.weights.map((row) => maxUpscaled(sparse(row))),
    bonds: content.bonds?.map(sparse) ?? stake.map(() => []),
  };
}

type WrittenRow = readonly number[] | readonly (readonly [number, number])[];

function isDense(row: WrittenRow): row is readonly number[] {
  return row.length > 0 && typeof row[0] === "number";
}

/** A dense row's zeros are no weights at all, as a client would leave them out. */
function sparse(row: WrittenRow): StoredRow {
  if (!isDense(row)) return row as StoredRow;
  return row.flatMap((value, uid) => (value === 0 ? [] : [[uid, value] as const]));
}

/** As the chain stores weights: the greatest becomes 65535, the others in proportion, rounded. */
function maxUpscaled(row: StoredRow): StoredRow {
  const greatest = Math.max(0, ...row.map(([, value]) => value));
  return greatest === 0 ? row : row.map(([uid, value]) => [uid, Math.round((value * u16Max) / greatest)] as const);
}

function toRao(tao: number): bigint {
  return BigInt(Math.round(tao * raoPerTao));
}
