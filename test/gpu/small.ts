// One small case, or a few, of each operation, for tools that make everything a hundred times slower: together they
// launch every kernel.
import type { Unit } from './unit.js';

/** For the fast kernels alone: the portable ones would take minutes. */
const FAST = /^several tiles: /;

const named: Readonly<Record<string, readonly RegExp[]>> = {
  embed: [/noise, seed|noise$/], norm: [/./], normBwd: [/./], ropeTable: [/^\[7/], rope: [/^T 5/, /^T 13/],
  linear: [/^one row, three siblings/, /^an empty segment/, /^rank 64/, /^dropout,/],
  linearBwd: [/^one row, three siblings/, /^an empty segment/, /^rank 64/, /^dropout,/],
  attention: [/^head of 128/, /^smollm2/, /^odd head/, /^several queries/, FAST], attentionBwd: [/^head of 128/, /^smollm2/, /^odd head/, FAST], swiglu: [/17\]/, /172\]/], swigluBwd: [/17\], /, /172\] in place/],
  split: [/^\[9/], join: [/^\[9/], rows: [/7 of 19/], headLoss: [/^a block, /, /^segments/, /^only the loss/],
  sqnorm: [/32769/], adamw: [/\[3, 37\]/, /8193/], sample: [/33 tokens/],
};

/** Of operations whose cases have shapes for names: as many, spread evenly. */
const SPREAD = 4;

export function small(units: readonly Unit[]): readonly Unit[] {
  const wanted = units.filter(({ group, dtype }) => group === 'operations' && dtype !== 'f64');
  return Object.entries(named).flatMap(([op, patterns]) => ['f32', 'bf16'].flatMap((type) => {
    const all = wanted.filter((unit) => unit.op === op && unit.dtype === type);
    const few = all.filter(({ name }) => patterns.some((pattern) => pattern.test(name) && (pattern !== FAST || type === 'bf16')));
    return few.length <= SPREAD + 1 ? few : few.filter((_, i) => i % Math.ceil(few.length / SPREAD) === 1);
  }));
}
