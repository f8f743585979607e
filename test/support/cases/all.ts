// Every case that a backend is held to against the oracle, and the types that its activations are stored in: what
// runs without jest takes its list from here.
import type { OpCase } from '../calls.js';
import type { Store } from '../door.js';
import { attention, attentionBwd } from './attention.js';
import { headLoss } from './head-loss.js';
import { attentionBwdLarge, attentionLarge, linearBwdLarge, linearLarge } from './large.js';
import { linear, linearBwd } from './linear.js';
import { norm, normBwd } from './norm.js';
import { rope, ropeTable } from './rope.js';
import { embed, join, rows, split } from './rows.js';
import { swiglu, swigluBwd } from './swiglu.js';
import { adamwApart, adamwInOne, sqnorm } from './update.js';

export interface Suite {
  readonly op: string;
  readonly cases: readonly OpCase[];
  readonly stores: readonly Store[];
}

const suite = (op: string, cases: readonly OpCase[], stores: readonly Store[] = ['f32', 'bf16']): Suite => ({ op, cases, stores });

/** Operations in the order of a step. Sampling has a reference of its own: test/support/sampling.ts. */
export const suites: readonly Suite[] = [
  suite('embed', embed), suite('norm', norm), suite('normBwd', normBwd), suite('linear', linear), suite('linearBwd', linearBwd),
  suite('ropeTable', ropeTable, ['f32']), suite('rope', rope), suite('attention', attention), suite('attentionBwd', attentionBwd),
  suite('swiglu', swiglu), suite('swigluBwd', swigluBwd), suite('split', split), suite('join', join), suite('rows', rows),
  suite('headLoss', headLoss), suite('sqnorm', sqnorm, ['f32']), suite('adamw', adamwApart), suite('adamw', adamwInOne, ['f32']),
  suite('linear', linearLarge, ['bf16']), suite('linearBwd', linearBwdLarge, ['bf16']),
  suite('attention', attentionLarge), suite('attentionBwd', attentionBwdLarge),
];
