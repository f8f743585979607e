// Which modules a configuration means: PEFT's rules, case by case.
import { resolveTargets, type LoraConfig } from '../../../lib/checkpoint/targets.js';
import { pythonRegExp } from '../../../lib/checkpoint/peft-patterns.js';
import { modelSpec } from '../../../lib/model/spec.js';

const BASE = { vocab_size: 32, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 12, num_attention_heads: 4, num_key_value_heads: 2 };
const llama = modelSpec({ ...BASE, model_type: 'llama' });
const phi3 = modelSpec({ ...BASE, model_type: 'phi3' });

const targets = (config: Partial<LoraConfig>, spec = llama): string[] =>
  resolveTargets(spec, { r: 8, alpha: 16, targetModules: ['q_proj'], ...config }).map(({ layer, projection }) => `${layer}.${projection}`);
const layersOf = (config: Partial<LoraConfig>): number[] => resolveTargets(llama, { r: 8, alpha: 16, targetModules: ['q_proj'], ...config }).map(({ layer }) => layer);

test('names match the ends of paths at a dot, and all-linear means all but the head', () => {
  expect(targets({ targetModules: ['mlp.down_proj', 'lm_head'] })).toEqual([...Array.from({ length: 12 }, (_, i) => `${i}.down`), '-1.head']);
  expect(targets({ targetModules: ['model.layers.3.self_attn.q_proj'] })).toEqual(['3.q']);
  expect(targets({ targetModules: ['1.self_attn.q_proj'] })).toEqual(['1.q']); // not layer 11: a dot must precede
  for (const spec of [llama, phi3]) {
    const names = new Set(targets({ targetModules: 'All-Linear' }, spec).map((name) => name.split('.')[1]));
    expect(names).toEqual(new Set(spec === llama ? ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] : ['qkv', 'o', 'gate_up', 'down']));
  }
});

test('regular expressions must match whole paths', () => {
  expect(targets({ targetModules: String.raw`model\.layers\.(0|11)\..*\.(?P<which>up|down)_proj` })).toEqual(['0.up', '0.down', '11.up', '11.down']);
  expect(() => targets({ targetModules: 'q_proj' })).toThrow(/leaves no module/);
  expect(targets({ targetModules: '.*q_proj|lm_head' }).at(-1)).toBe('-1.head');
  expect(() => targets({ targetModules: '(?i)Q' })).toThrow(/not a regular expression/);
  expect(pythonRegExp(String.raw`(?P<a>x)(?P=a)\Z`).test('xx')).toBe(true);
});

test('exclusions go before everything', () => {
  expect(targets({ targetModules: 'all-linear', excludeModules: String.raw`.*\.mlp\..*|.*\.[1-9][0-9]?\..*` })).toEqual(['0.q', '0.k', '0.v', '0.o']);
  expect(targets({ targetModules: ['q_proj', 'k_proj'], excludeModules: ['k_proj', '0.self_attn.q_proj'] })).toHaveLength(11);
});

test('layers_to_transform counts the first number in a path, and a whole path counts in any layer', () => {
  expect(layersOf({ layersToTransform: [1, 11] })).toEqual([1, 11]);
  expect(layersOf({ layersToTransform: 3 })).toEqual([3]);
  expect(layersOf({ layersToTransform: [] })).toHaveLength(12);
  expect(layersOf({ layersToTransform: [2], layersPattern: 'layers' })).toEqual([2]);
  expect(layersOf({ layersToTransform: [2], layersPattern: ['h', 'layers'] })).toEqual([2]);
  expect(() => layersOf({ layersToTransform: [2], layersPattern: ['h'] })).toThrow(/leaves no module/);
  expect(layersOf({ targetModules: ['q_proj', 'lm_head'], layersToTransform: [2] })).toEqual([2, -1]);
  expect(layersOf({ targetModules: ['model.layers.5.self_attn.q_proj'], layersToTransform: [2] })).toEqual([5]);
});

test('ranks and alphas follow the first pattern that fits the end of a path', () => {
  const modules = resolveTargets(llama, {
    r: 8, alpha: 16, targetModules: ['q_proj', 'k_proj'], useRslora: true,
    rankPattern: { '^model.layers.0.self_attn.q_proj': 4, 'self_attn.q_proj': 16, proj: 64 }, alphaPattern: { k_proj: 8 },
  });
  expect(modules.slice(0, 3)).toEqual([
    { layer: 0, projection: 'q', rank: 4, scale: 16 / 2 }, { layer: 0, projection: 'k', rank: 8, scale: 8 / Math.sqrt(8) },
    { layer: 1, projection: 'q', rank: 16, scale: 16 / 4 },
  ]);
});

test.each<[string, Partial<LoraConfig>, RegExp]>([
  ['target_modules', { targetModules: ['q_proj', 'c_attn'] }, /no module "c_attn"\. Known are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head/],
  ['target_modules', { targetModules: [] }, /leaves no module/],
  ['r', { r: 0 }, /integer from 1/], ['r', { r: 2.5 }, /integer from 1/], ['lora_alpha', { alpha: Number.NaN }, /expected a number/],
  ['rank_pattern.q_proj', { rankPattern: { q_proj: -1 } }, /integer from 1/],
  ['alpha_pattern.q_proj', { alphaPattern: { q_proj: Infinity } }, /expected a number/],
  ['rank_pattern', { rankPattern: { '[': 1 } }, /not a regular expression/],
  ['lora_dropout', { dropout: 1 }, /up to but not including 1/],
  ['layers_to_transform', { targetModules: 'all-linear', layersToTransform: 1 }, /only goes with a list/],
  ['layers_pattern', { layersPattern: 'layers' }, /needs layers_to_transform/],
])('a bad %s is an error', (key, config, expected) => {
  let error: unknown;
  try {
    targets(config);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'ERR_CONFIG', details: { key }, message: expect.stringMatching(expected) });
});
