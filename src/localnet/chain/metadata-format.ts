/** The bytes of metadata, V14 and V15: types, pallets, extrinsics, runtime APIs. The order of fields is the format. */
import { bytes, compactU32, option, struct, text, u8, u32, unit, vec } from "./scale/type.ts";
import { bare, named, single, variants } from "./scale/variant.ts";

const typeId = compactU32;
const docs = vec(text);

const field = struct("Field", { name: option(text), type: typeId, typeName: option(text), docs });
const variant = struct("Variant", { name: text, fields: vec(field), index: u8, docs });
const primitive = variants("Primitive", {
  Bool: bare(0),
  Str: bare(2),
  U8: bare(3),
  U16: bare(4),
  U32: bare(5),
  U64: bare(6),
  U128: bare(7),
  I16: bare(10),
  I64: bare(12),
  I128: bare(13),
});
const definition = variants("TypeDef", {
  Composite: single(0, vec(field)),
  Variant: single(1, vec(variant)),
  Sequence: single(2, typeId),
  Array: named(3, { len: u32, type: typeId }),
  Tuple: single(4, vec(typeId)),
  Primitive: single(5, primitive),
  Compact: single(6, typeId),
});
const portableType = struct("PortableType", {
  id: typeId,
  path: vec(text),
  params: vec(struct("TypeParameter", { name: text, type: option(typeId) })),
  def: definition,
  docs,
});

const hasher = variants("StorageHasher", { Blake2_128Concat: bare(2), Twox64Concat: bare(5), Identity: bare(6) });
const storageEntry = struct("StorageEntryMetadata", {
  name: text,
  modifier: variants("StorageEntryModifier", { Optional: bare(0), Default: bare(1) }),
  type: variants("StorageEntryType", {
    Plain: single(0, typeId),
    Map: named(1, { hashers: vec(hasher), key: typeId, value: typeId }),
  }),
  fallback: bytes,
  docs,
});
const palletFields = {
  name: text,
  storage: option(struct("PalletStorageMetadata", { prefix: text, items: vec(storageEntry) })),
  calls: option(typeId),
  events: option(typeId),
  constants: vec(struct("PalletConstantMetadata", { name: text, type: typeId, value: bytes, docs })),
  errors: option(typeId),
  index: u8,
} as const;

const extensions = vec(struct("SignedExtensionMetadata", { identifier: text, type: typeId, additionalSigned: typeId }));
const method = struct("RuntimeApiMethodMetadata", {
  name: text,
  inputs: vec(struct("RuntimeApiMethodParamMetadata", { name: text, type: typeId })),
  output: typeId,
  docs,
});

export const metadataV14 = struct("RuntimeMetadataV14", {
  types: vec(portableType),
  pallets: vec(struct("PalletMetadata", palletFields)),
  extrinsic: struct("ExtrinsicMetadata", { type: typeId, version: u8, extensions }),
  runtime: typeId,
});

export const metadataV15 = struct("RuntimeMetadataV15", {
  types: vec(portableType),
  pallets: vec(struct("PalletMetadata", { ...palletFields, docs })),
  extrinsic: struct("ExtrinsicMetadata", {
    version: u8,
    address: typeId,
    call: typeId,
    signature: typeId,
    extra: typeId,
    extensions,
  }),
  runtime: typeId,
  apis: vec(struct("RuntimeApiMetadata", { name: text, methods: vec(method), docs })),
  outerEnums: struct("OuterEnums", { call: typeId, event: typeId, error: typeId }),
  /** A map of a runtime's own additions; there are none. */
  custom: vec(unit),
});
