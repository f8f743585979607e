// Three names for one tensor: Hugging Face's in model files, the engine's, and PEFT's in adapter files; and the
// shape that a spec demands of each. All families share one table, since a name that a spec lacks is unexpected.

import type { ModelSpec, Projection, TensorName } from '../tensors.js';

/** A projection of a layer ↔ its module's path below `model.layers.<i>.`. */
const MODULES: Readonly<Record<Exclude<Projection, 'head'>, string>> = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  qkv: 'self_attn.qkv_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  gate_up: 'mlp.gate_up_proj',
  down: 'mlp.down_proj',
};

const NORMS: Readonly<Record<string, string>> = {
  norm1: 'input_layernorm',
  norm2: 'post_attention_layernorm',
  q_norm: 'self_attn.q_norm',
  k_norm: 'self_attn.k_norm',
};

const BY_MODULE: ReadonlyMap<string, string> =
  new Map([...Object.entries(MODULES), ...Object.entries(NORMS)].map(([ours, theirs]) => [theirs, ours]));

const TOP: ReadonlyMap<string, TensorName> = new Map([
  ['model.embed_tokens.weight', 'embed'],
  ['model.norm.weight', 'norm'],
  ['lm_head.weight', 'head'],
]);

/** Projections that a model of this spec has, in the order of a forward pass; the head is last. */
export function projectionsOf(spec: ModelSpec): readonly Projection[] {
  return [
    ...(spec.fusedQkv ? (['qkv'] as const) : (['q', 'k', 'v'] as const)), 'o',
    ...(spec.fusedGateUp ? (['gate_up'] as const) : (['gate', 'up'] as const)), 'down', 'head',
  ];
}

/** [N, K] of a projection's weight. */
export function projectionShape(spec: ModelSpec, projection: Projection): readonly [number, number] {
  const { width, heads, kvHeads, headWidth, feedForward, vocabulary } = spec;
  switch (projection) {
    case 'q': return [heads * headWidth, width];
    case 'k':
    case 'v': return [kvHeads * headWidth, width];
    case 'qkv': return [(heads + 2 * kvHeads) * headWidth, width];
    case 'o': return [width, heads * headWidth];
    case 'gate':
    case 'up': return [feedForward, width];
    case 'gate_up': return [2 * feedForward, width];
    case 'down': return [width, feedForward];
    case 'head': return [vocabulary, width];
  }
}

/** Every frozen tensor of a model and its shape; the head only where it is not tied. */
export function expectedTensors(spec: ModelSpec): ReadonlyMap<TensorName, readonly number[]> {
  const tensors = new Map<TensorName, readonly number[]>([['embed', [spec.vocabulary, spec.width]]]);
  const layerProjections = projectionsOf(spec).filter((projection) => projection !== 'head');
  for (let layer = 0; layer < spec.layers; layer += 1) {
    tensors.set(`layers.${layer}.norm1`, [spec.width]).set(`layers.${layer}.norm2`, [spec.width]);
    if (spec.qkNorm) tensors.set(`layers.${layer}.q_norm`, [spec.headWidth]).set(`layers.${layer}.k_norm`, [spec.headWidth]);
    for (const projection of layerProjections) {
      const shape = projectionShape(spec, projection);
      tensors.set(`layers.${layer}.${projection}`, shape);
      if (hasBias(spec, projection)) tensors.set(`layers.${layer}.${projection}.bias`, [shape[0]]);
    }
  }
  tensors.set('norm', [spec.width]);
  if (!spec.tiedHead) tensors.set('head', [spec.vocabulary, spec.width]);
  return tensors;
}

function hasBias(spec: ModelSpec, projection: Projection): boolean {
  if (projection === 'o') return spec.oBias;
  return projection === 'q' || projection === 'k' || projection === 'v' || projection === 'qkv' ? spec.qkvBias : spec.mlpBias;
}

/** The engine's name of a tensor in a model file; the `model.` in front may be missing. Undefined: not known. */
export function engineName(hubName: string): TensorName | undefined {
  const name = hubName.startsWith('model.') || hubName.startsWith('lm_head.') ? hubName : `model.${hubName}`;
  const top = TOP.get(name);
  if (top !== undefined) return top;
  const [, layer, module, kind] = /^model\.layers\.(0|[1-9][0-9]*)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  const ours = module === undefined ? undefined : BY_MODULE.get(module);
  if (ours === undefined || (kind === 'bias' && ours in NORMS)) return undefined;
  return `layers.${layer}.${ours}${kind === 'bias' ? '.bias' : ''}`;
}

/** A tensor's name in a model file, with `model.` in front. */
export function hubName(name: TensorName): string {
  for (const [theirs, ours] of TOP) if (ours === name) return theirs;
  const [, layer, ours, bias] = /^layers\.([0-9]+)\.([a-z0-9_]+)(\.bias)?$/.exec(name) ?? [];
  const module = ours === undefined ? undefined : ((MODULES as Record<string, string>)[ours] ?? NORMS[ours]);
  if (module === undefined) throw new RangeError(`${name} is not the name of a frozen tensor`);
  return `model.layers.${layer}.${module}.${bias === undefined ? 'weight' : 'bias'}`;
}

/** Buffers of old checkpoints that are computed from the config: the only tensors that may be ignored. */
export function isIgnoredTensor(hubName: string): boolean {
  return /(^|\.)rotary_emb\.inv_freq$/.test(hubName);
}

/** A module's path as PEFT's target patterns see it: `model.layers.3.self_attn.q_proj`, `lm_head`. */
export function modulePath(layer: number, projection: Projection): string {
  return projection === 'head' ? 'lm_head' : `model.layers.${layer}.${MODULES[projection]}`;
}

/** What users call a projection in `target_modules`: `q_proj`, `gate_up_proj`, `lm_head`. */
export function moduleName(projection: Projection): string {
  return projection === 'head' ? 'lm_head' : (MODULES[projection].split('.')[1] as string);
}

/** `layers.3.q.a` → `base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight`. */
export function peftName(name: TensorName): string {
  const [, layer, projection, side] = /^(?:layers\.([0-9]+)\.)?([a-z_]+)\.([ab])$/.exec(name) ?? [];
  if (side === undefined || (layer === undefined) !== (projection === 'head') ||
      (projection !== 'head' && !((projection as string) in MODULES))) {
    throw new RangeError(`${name} is not the name of an adapter's tensor`);
  }
  const path = modulePath(Number(layer ?? -1), projection as Projection);
  return `base_model.model.${path}.lora_${side === 'a' ? 'A' : 'B'}.weight`;
}

/** The reverse of {@link peftName}; the inner `model.` may be missing. Undefined: not a LoRA weight that we know. */
export function engineNameOfPeft(name: string): TensorName | undefined {
  const [, path, side] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
  if (path === undefined) return undefined;
  const ours = engineName(`${path}.weight`);
  if (ours === undefined || !/^(head|layers\.[0-9]+\.(q|k|v|qkv|o|gate|up|gate_up|down))$/.test(ours)) return undefined;
  return `${ours}.${side === 'A' ? 'a' : 'b'}`;
}
