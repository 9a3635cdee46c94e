/**
 * The matrices whose size a competition limits: the projections of attention and MLP, layer by layer. They are found by
 * their names, which every architecture has its own: what stands behind the layer's number names the projection.
 */

export interface Projection {
  /** `self_attn.q_proj`, `attention.query_key_value`, … */
  readonly projection: string;
  /** L2 norms in the order of the layers. */
  readonly norms: readonly number[];
}

/** `<anything>.<layer>.<projection>.weight` */
const layered = /^(?:.*\.)?(\d+)\.(.+)\.weight$/;
/** The last parts of projections' names in the supported architectures; the gate of a gated MLP is none of the subnet's six. */
const kinds =
  /(?:^|\.)(?:[qkvo]_proj|out_proj|qkv_proj|query_key_value|c_attn|attn\.c_proj|Wqkv|dense|up_proj|down_proj|gate_up_proj|fc1|fc2|fc_in|fc_out|c_fc|mlp\.c_proj|dense_h_to_4h|dense_4h_to_h|w1|w2|w3)$/;

/**
 * Groups norms by projection. A norm that is null was not finite.
 * @param norms L2 norms by tensor name
 */
export function groupProjections(norms: Readonly<Record<string, number | null>>): Projection[] {
  const groups = new Map<string, Map<number, number>>();
  for (const [name, norm] of Object.entries(norms)) {
    const [, layer, projection] = layered.exec(name) ?? [];
    if (layer === undefined || projection === undefined || !kinds.test(projection)) continue;
    const group = groups.get(projection) ?? new Map<number, number>();
    group.set(Number(layer), norm ?? Number.NaN);
    groups.set(projection, group);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([projection, byLayer]) => ({
      projection,
      norms: [...byLayer].sort(([a], [b]) => a - b).map(([, norm]) => norm),
    }));
}
