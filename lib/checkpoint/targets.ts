// From "which modules shall be adapted, with which rank" in PEFT's words to the explicit list that the engine takes.
// The trainer uses it for new adapters and adapter.ts for those that come from files, so both mean the same.

import { EngineError } from '../errors.js';
import type { AdapterModule } from '../engine/types.js';
import { moduleName, modulePath, projectionsOf } from '../model/names.js';
import type { ModelSpec, Projection } from '../tensors.js';
import { layerIndex, matchesSuffix, matchesWhole, patternValue, pythonRegExp } from './peft-patterns.js';

/** A LoRA adapter's shape and hyper-parameters, named as in PEFT's LoraConfig. */
export interface LoraConfig {
  /** Rank where no pattern says otherwise. */
  readonly r: number;
  readonly alpha: number;
  /** Probability of dropping an element of an adapter's input. @default 0 */
  readonly dropout?: number;
  /** "all-linear" (all but the head), a regular expression over whole paths, or names that paths end with. */
  readonly targetModules: string | readonly string[];
  readonly excludeModules?: string | readonly string[];
  /** Only these layers; with a list of targets only, as in PEFT. */
  readonly layersToTransform?: number | readonly number[];
  readonly layersPattern?: string | readonly string[];
  /** Regular expression that a path ends with → rank. The first that fits counts. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Scale by alpha / sqrt(r) instead of alpha / r. @default false */
  readonly useRslora?: boolean;
}

/** How {@link resolveTargets} reports a bad configuration: `key` is PEFT's name of the field. */
export type Complain = (key: string, problem: string) => never;

const configError: Complain = (key, problem) => {
  throw new EngineError(`lora ${key}: ${problem}`, { code: 'ERR_CONFIG', key });
};

interface Candidate {
  readonly layer: number;
  readonly projection: Projection;
  readonly path: string;
}

/**
 * The modules that a configuration means, in the order of a forward pass, the head last. At least one; a name in a
 * list that means none is an error, unless `lenient` (as PEFT reads files).
 */
export function resolveTargets(
  spec: ModelSpec, config: LoraConfig, { complain = configError, lenient = false }: { complain?: Complain; lenient?: boolean } = {},
): readonly AdapterModule[] {
  checkNumbers(config, complain);
  checkRegExps(config, complain);
  const candidates = candidatesOf(spec);
  const known = [...new Set(projectionsOf(spec).map(moduleName))].join(', ');
  const chosen = candidates.filter(({ path }) => isTarget(config, path));

  if (typeof config.targetModules !== 'string' && !lenient) {
    const unknown = config.targetModules.filter((name) => !candidates.some(({ path }) => matchesSuffix(name, path)));
    if (unknown.length > 0) {
      complain('target_modules', `this ${spec.family} model has no module ${unknown.map((name) => JSON.stringify(name)).join(', ')}. Known are ${known}`);
    }
  }
  if (chosen.length === 0) {
    complain('target_modules', `${JSON.stringify(config.targetModules)} with its exclusions and layers leaves no module. Known are ${known}`);
  }
  return chosen.map(({ layer, projection, path }) => {
    const rank = patternValue(config.rankPattern ?? {}, path) ?? config.r;
    const alpha = patternValue(config.alphaPattern ?? {}, path) ?? config.alpha;
    return { layer, projection, rank, scale: config.useRslora === true ? alpha / Math.sqrt(rank) : alpha / rank };
  });
}

function candidatesOf(spec: ModelSpec): readonly Candidate[] {
  const inLayer = projectionsOf(spec).filter((projection) => projection !== 'head');
  const candidates: Candidate[] = [];
  for (let layer = 0; layer < spec.layers; layer += 1) {
    for (const projection of inLayer) candidates.push({ layer, projection, path: modulePath(layer, projection) });
  }
  return [...candidates, { layer: -1, projection: 'head', path: modulePath(-1, 'head') }];
}

function isTarget(config: LoraConfig, path: string): boolean {
  const { targetModules, excludeModules = [], layersToTransform, layersPattern = [] } = config;
  const excluded = typeof excludeModules === 'string'
    ? excludeModules !== '' && matchesWhole(excludeModules, path)
    : excludeModules.some((name) => matchesSuffix(name, path));
  if (excluded) return false;
  if (typeof targetModules === 'string') {
    return targetModules.toLowerCase() === 'all-linear' ? path !== 'lm_head' : matchesWhole(targetModules, path);
  }
  if (targetModules.includes(path)) return true; // a whole path counts in any layer, as in PEFT
  if (!targetModules.some((name) => matchesSuffix(name, path))) return false;
  const layers = typeof layersToTransform === 'number' ? [layersToTransform] : (layersToTransform ?? []);
  if (layersToTransform === undefined || layers.length === 0) return true;
  const index = layerIndex(path, typeof layersPattern === 'string' ? (layersPattern === '' ? [] : [layersPattern]) : layersPattern);
  return index !== undefined && layers.includes(index);
}

function checkNumbers(config: LoraConfig, complain: Complain): void {
  const rank = (key: string, value: number): void => {
    if (!Number.isSafeInteger(value) || value < 1 || value > 65_536) complain(key, `expected an integer from 1 to 65536, received ${value}`);
  };
  const alpha = (key: string, value: number): void => {
    if (!Number.isFinite(value)) complain(key, `expected a number, received ${value}`);
  };
  rank('r', config.r);
  alpha('lora_alpha', config.alpha);
  for (const [pattern, value] of Object.entries(config.rankPattern ?? {})) rank(`rank_pattern.${pattern}`, value);
  for (const [pattern, value] of Object.entries(config.alphaPattern ?? {})) alpha(`alpha_pattern.${pattern}`, value);
  const dropout = config.dropout ?? 0;
  if (!(dropout >= 0 && dropout < 1)) complain('lora_dropout', `expected a number from 0 up to but not including 1, received ${dropout}`);
  if (typeof config.targetModules === 'string') {
    if (config.layersToTransform !== undefined) complain('layers_to_transform', 'only goes with a list of target_modules');
    if (config.layersPattern !== undefined) complain('layers_pattern', 'only goes with a list of target_modules');
  } else if ((config.layersPattern?.length ?? 0) > 0 && config.layersToTransform === undefined) {
    complain('layers_pattern', 'needs layers_to_transform');
  }
}

function checkRegExps(config: LoraConfig, complain: Complain): void {
  const list = (value: string | readonly string[] | undefined): readonly string[] => (value === undefined ? [] : typeof value === 'string' ? [value] : value);
  const patterns: readonly (readonly [string, string])[] = [
    ...(typeof config.targetModules === 'string' ? [['target_modules', config.targetModules] as const] : []),
    ...(typeof config.excludeModules === 'string' ? [['exclude_modules', config.excludeModules] as const] : []),
    ...list(config.layersPattern).map((pattern) => ['layers_pattern', pattern] as const),
    ...Object.keys(config.rankPattern ?? {}).map((pattern) => ['rank_pattern', pattern] as const),
    ...Object.keys(config.alphaPattern ?? {}).map((pattern) => ['alpha_pattern', pattern] as const),
  ];
  for (const [key, pattern] of patterns) {
    try {
      pythonRegExp(`(?:${pattern})`);
    } catch (error) {
      complain(key, `${JSON.stringify(pattern)} is not a regular expression that can be used here: ${(error as Error).message}`);
    }
  }
}
