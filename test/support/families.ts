// A tiny model for each family and variant of rotary positions, the sequences they are run on, and how far f32 may be
// from the oracle.
import type { ModelSpec } from '../../lib/tensors.js';
import { randomTokens, type Example } from './engine.js';

export const families: readonly (readonly [string, Partial<ModelSpec>])[] = [
  ['Llama', {}],
  ['Qwen3, tied', { qkNorm: true, tiedHead: true }],
  ['Qwen2', { qkvBias: true }],
  ['Phi-3', { fusedQkv: true, fusedGateUp: true }],
  ['Mistral', { window: [5, 5] }],
  ['dynamic RoPE', { rope: { kind: 'dynamic', theta: 10000, rotaryWidth: 8, maxPositions: 8, factor: 2, originalMaxPositions: 8 } }],
  ['llama3 RoPE', { rope: { kind: 'llama3', theta: 5e5, rotaryWidth: 8, maxPositions: 64, factor: 8, lowFreqFactor: 1, highFreqFactor: 4,
    originalMaxPositions: 16 } }],
];

const lengths: readonly (readonly [number, number])[] = [[12, 0], [7, 1], [1, 0], [19, -1], [9, 0], [5, 1]];
/** Sequences of several lengths on two adapters and on none; other tokens for another draw. */
export const examplesOf = (vocabulary: number, draw = 0): readonly Example[] =>
  lengths.map(([length, slot], i) => ({ tokens: randomTokens(length, vocabulary, 100 + i + 50 * draw), slot }));

/** Largest deviation of f32 from the oracle over the root mean square of what was wanted. */
export const BOUNDS = { loss: 1e-5, logits: 2e-5, rows: 2e-5, gradients: 2e-4 } as const;
