// The types of a data set's columns, found by looking at every row, in the words of the hub (`dataset_info.features`).

/** A column's type; 'null': never anything but null; 'mixed': no one type holds all rows. */
export type FeatureType =
  | { readonly kind: 'null' | 'string' | 'bool' | 'int64' | 'float64' | 'mixed' }
  | { readonly kind: 'list'; readonly item: FeatureType }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, FeatureType> };

const NOTHING: FeatureType = { kind: 'null' };
const MIXED: FeatureType = { kind: 'mixed' };

export function typeOf(value: unknown): FeatureType {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === 'string') return { kind: 'string' };
  if (typeof value === 'boolean') return { kind: 'bool' };
  if (typeof value === 'bigint') return { kind: 'int64' };
  if (typeof value === 'number') return { kind: Number.isInteger(value) ? 'int64' : 'float64' };
  if (Array.isArray(value)) return { kind: 'list', item: value.map(typeOf).reduce(mergeTypes, NOTHING) };
  return { kind: 'struct', fields: new Map(Object.entries(value).map(([name, one]) => [name, typeOf(one)])) };
}

/** The type that holds both: an integer is a float, null is anything, structs have the fields of both. */
export function mergeTypes(a: FeatureType, b: FeatureType): FeatureType {
  if (a.kind === 'null') return b;
  if (b.kind === 'null') return a;
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', item: mergeTypes(a.item, b.item) };
  if (a.kind === 'struct' && b.kind === 'struct') {
    const fields = new Map(a.fields);
    for (const [name, type] of b.fields) fields.set(name, mergeTypes(fields.get(name) ?? NOTHING, type));
    return { kind: 'struct', fields };
  }
  if (a.kind === b.kind) return a;
  const both = new Set([a.kind, b.kind]);
  return both.has('int64') && both.has('float64') ? { kind: 'float64' } : MIXED;
}

/** As the hub writes it under `features`. A mixed column is given as a string, as loaders do that read it as JSON. */
export function featureYaml(name: string, type: FeatureType): Record<string, unknown> {
  if (type.kind === 'list') {
    const { item } = type;
    if (item.kind === 'struct') return { name, list: [...item.fields].map(([field, one]) => featureYaml(field, one)) };
    return { name, list: item.kind === 'list' ? nested(item) : dtype(item) };
  }
  if (type.kind === 'struct') return { name, struct: [...type.fields].map(([field, one]) => featureYaml(field, one)) };
  return { name, dtype: dtype(type) };
}

function nested(type: FeatureType): Record<string, unknown> {
  const { name: _, ...rest } = featureYaml('', type);
  return rest;
}

function dtype({ kind }: FeatureType): string {
  return kind === 'mixed' ? 'string' : kind;
}

/** Names of columns without one type, with dots for what lies inside. */
export function mixedColumns(fields: ReadonlyMap<string, FeatureType>, prefix = ''): string[] {
  return [...fields].flatMap(([name, type]) => {
    if (type.kind === 'mixed') return [prefix + name];
    const inside = type.kind === 'list' ? type.item : type;
    if (inside.kind === 'mixed') return [`${prefix}${name}[]`];
    return inside.kind === 'struct' ? mixedColumns(inside.fields, `${prefix}${name}.`) : [];
  });
}
