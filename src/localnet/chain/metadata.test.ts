/** Our metadata is metadata, and what it names has the real runtime's names, indices, hashers, types and defaults. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Metadata, TypeRegistry } from "@polkadot/types";
import { apis } from "./apis/index.ts";
import { version } from "./chain.ts";
import { writeMetadata } from "./metadata.ts";
import { palletsOf } from "./pallets/index.ts";

interface Json {
  readonly [name: string]: Json;
}
type List = readonly Json[];

const ours = writeMetadata(palletsOf({ version, slotDurationMs: 250 }), apis);
const read = (hex: `0x${string}`, format: "v14" | "v15"): Json =>
  (new Metadata(new TypeRegistry(), hex).toJSON() as unknown as Json).metadata![format]!;

describe("@polkadot/types reads it", () => {
  for (const format of ["v14", "v15"] as const) {
    test(format, () => {
      const hex = `0x${ours[format].toHex()}` as const;
      const metadata = read(hex, format);
      const names = list(metadata.pallets!).map(({ name }) => String(name));
      expect(names).toEqual(palletsOf({ version, slotDurationMs: 250 }).map(({ name }) => name));
      // What is read and written again is what was read: nothing is left over and nothing is missing.
      expect(new Metadata(new TypeRegistry(), hex).toHex()).toBe(hex);
    });
  }
});

const real = join(import.meta.dir, "..", "..", "..", "..", "shared", "chain", "metadata", "subtensor-424.v15.hex");

describe.skipIf(!existsSync(real))("agreement with runtime 424 (skipped where ../shared/chain is absent)", () => {
  const hex = existsSync(real) ? readFileSync(real, "utf8").trim() : "";
  const theirs = hex === "" ? {} : read((hex.startsWith("0x") ? hex : `0x${hex}`) as `0x${string}`, "v15");
  const mine = read(`0x${ours.v15.toHex()}`, "v15");
  const shapeOfMine = shaper(mine);
  const shapeOfTheirs = hex === "" ? shapeOfMine : shaper(theirs);
  /** Entries that newer Python SDKs read although this runtime lacks them. */
  const additions = ["SubnetEpochConsensus", "CollateralLockShare"];
  /** The real default is the public beacon; a local chain that has not written its own has none. */
  const otherDefaults = ["BeaconConfig"];

  for (const pallet of list(mine.pallets!)) {
    test(`pallet ${pallet.name}`, () => {
      const other = byName(theirs.pallets!, pallet.name!);
      expect(pallet.index).toEqual(other.index!);
      for (const item of list(pallet.storage?.items)) {
        if (additions.includes(String(item.name))) continue;
        const match = byName(other.storage!.items!, item.name!);
        const fallback = otherDefaults.includes(String(item.name)) ? {} : { fallback: match.fallback };
        const { fallback: own, ...entry } = entryOf(item, shapeOfMine);
        const expected = { ...entryOf(match, shapeOfTheirs), fallback: own, ...fallback };
        expect({ item: item.name, ...entry, fallback: own }).toEqual({ item: item.name, ...expected } as never);
      }
      for (const kind of ["calls", "events", "errors"] as const) {
        if (!pallet[kind]) continue;
        const known = variantsOf(theirs, other[kind]!.type!, shapeOfTheirs);
        for (const [name, shape] of variantsOf(mine, pallet[kind].type!, shapeOfMine)) {
          expect(`${name} ${shape}`).toBe(`${name} ${known.get(name)}`);
        }
      }
      for (const constant of list(pallet.constants)) {
        expect(shapeOfMine(constant.type)).toBe(shapeOfTheirs(byName(other.constants!, constant.name!).type));
      }
    });
  }

  for (const api of list(mine.apis!)) {
    test(`runtime API ${api.name}`, () => {
      const other = byName(theirs.apis!, api.name!);
      for (const method of list(api.methods)) {
        // An extrinsic travels as opaque bytes with its length: the same bytes under a looser description.
        if (String(method.name).startsWith("query_") || api.name === ("Metadata" as never)) continue;
        const match = byName(other.methods!, method.name!);
        const describe = (each: Json, shape: (id: unknown) => string) => [
          ...list(each.inputs).map(({ name, type }) => `${name}: ${shape(type)}`),
          shape(each.output),
        ];
        expect([method.name, ...describe(method, shapeOfMine)] as never).toEqual([
          method.name,
          ...describe(match, shapeOfTheirs),
        ] as never);
      }
    });
  }

  test("signed extensions", () => {
    const extensions = (metadata: Json, shape: (id: unknown) => string) =>
      list(metadata.extrinsic!.signedExtensions).map(
        ({ identifier, type, additionalSigned }) => `${identifier} ${shape(type)} ${shape(additionalSigned)}`,
      );
    expect(extensions(mine, shapeOfMine)).toEqual(extensions(theirs, shapeOfTheirs));
  });
});

function list(value: Json | undefined): List {
  return (value ?? []) as unknown as List;
}

function byName(values: Json, name: unknown): Json {
  const found = list(values).find((each) => each.name === name);
  if (found === undefined) throw new Error(`the real runtime has no ${name}`);
  return found;
}

function typesOf(metadata: Json): Map<unknown, Json> {
  return new Map(list(metadata.lookup!.types).map(({ id, type }) => [id, type!]));
}

/** A type as text: its path and all that it is made of. The unions of pallets are subsets here, so only named. */
function shaper(metadata: Json): (id: unknown) => string {
  const types = typesOf(metadata);
  const known = new Map<unknown, string>();
  const shape = (id: unknown): string => {
    if (!known.has(id)) known.set(id, write(types.get(id)!));
    return known.get(id)!;
  };
  const fields = (of: Json | undefined) =>
    list(of)
      .map(({ name, type }) => `${name ?? ""}:${shape(type)}`)
      .join(",");
  const write = ({ path, def }: Json): string => {
    const name = (path as unknown as string[]).join("::");
    if (/::Runtime(Call|Event|Error)$/.test(name)) return name;
    const [[kind, value]] = Object.entries(def!) as [[string, Json]];
    if (kind === "composite") return `${name}{${fields(value.fields)}}`;
    if (kind === "variant")
      return `${name}<${list(value.variants)
        .map((each) => `${each.index} ${each.name}(${fields(each.fields)})`)
        .sort()
        .join("|")}>`;
    if (kind === "tuple") return `(${list(value).map(shape).join(",")})`;
    if (kind === "array") return `[${shape(value.type)};${value.len}]`;
    return kind === "primitive" ? String(value) : `${kind}(${shape(value.type)})`;
  };
  return shape;
}

function variantsOf(metadata: Json, id: Json, shape: (id: unknown) => string): Map<string, string> {
  const { def } = typesOf(metadata).get(id)!;
  return new Map(
    list(def!.variant!.variants).map(({ name, index, fields }) => [
      String(name),
      `${index} ${list(fields).map((field) => `${field.name ?? ""}:${shape(field.type)}`)}`,
    ]),
  );
}

function entryOf({ modifier, type, fallback }: Json, shape: (id: unknown) => string) {
  const { plain, map } = type as Json;
  return {
    modifier,
    hashers: map?.hashers,
    key: map && shape(map.key),
    value: shape(map ? map.value : plain),
    fallback,
  };
}
