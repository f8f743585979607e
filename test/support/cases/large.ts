// Cases that are too large for every `npm test`, for runs on a GPU: more tiles than multiprocessors, several tiles each
// way, more segments and sequences than one launch takes, the fast kernels with dropout.
import type { OpCase } from '../calls.js';
import { attentionBwdOf, attentionCase, type AttentionShape } from './attention.js';
import { linearBwdCall, linearCall, type LinearShape } from './linear.js';

const linears: readonly LinearShape[] = [
  { name: 'seventy segments', K: 64, N: [64], rank: 16, segments: Array.from({ length: 70 }, (_, i) => [1 + (i % 3), (i % 4) - 1] as const) },
  { name: 'several tiles each way', K: 264, N: [520, 136], rank: 32, segments: [[200, 0], [0, 1], [100, 1]] },
  { name: 'dropout, widths of 8', K: 136, N: [96, 64], rank: 16, segments: [[70, 2], [33, -1], [140, 0]], drop: [0.5, 0.1, 0.2] },
  { name: 'more tiles than multiprocessors', K: 64, N: [8192], rank: 16, segments: [[150, 0], [150, 2]] },
  { name: 'more tiles of dx than multiprocessors', K: 8192, N: [64], rank: 16, segments: [[150, 0], [150, 2]] },
];

const attentions: readonly AttentionShape[] = [
  { name: 'several tiles', H: 4, G: 2, E: 128, queries: [300, 129, 1, 77], seed: 40 },
  { name: 'several tiles and a window', H: 4, G: 2, E: 64, queries: [260, 128, 127], window: 100, seed: 41 },
  { name: 'six hundred sequences', H: 1, G: 1, E: 64, queries: Array.from({ length: 600 }, (_, i) => 1 + (i % 3)), seed: 42 },
  { name: 'heads of 256', H: 2, G: 1, E: 256, queries: [90, 40], seed: 43 },
];

const shortened = (each: OpCase): OpCase => ({ ...each, name: each.name.length > 120 ? `${each.name.slice(0, 110)} …` : each.name });

export const linearLarge: readonly OpCase[] = linears.map((s, i) => ({ name: `${s.name}, seed ${i + 50}`, make: () => linearCall(s, i + 50) }));
export const linearBwdLarge: readonly OpCase[] = linears.map((s, i) => ({ name: `${s.name}, seed ${i + 50}`, make: () => linearBwdCall(s, i + 50) }));
export const attentionLarge: readonly OpCase[] = attentions.map(attentionCase).map(shortened);
export const attentionBwdLarge: readonly OpCase[] = attentions.map(attentionBwdOf).map(shortened);
