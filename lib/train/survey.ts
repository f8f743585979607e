// One look at all training rows before the run: draws the train probe, and finds validation rows that training rows
// contain. The event loop is let go between rows.

import { setImmediate as turn } from 'node:timers/promises';
import type { SequenceSet } from '../pack/plan.js';
import { OverlapFinder } from './overlap.js';
import type { Overlap } from './overlap.js';
import { contentHash, Smallest, Subset } from './probe.js';

export interface Survey {
  /** As many training rows as there are validation rows, or all when there are fewer. */
  readonly probe: Subset;
  readonly overlap: Overlap;
}

const TOKENS_A_TURN = 20_000;

export async function survey(train: SequenceSet, valid: SequenceSet, seed: number, signal?: AbortSignal): Promise<Survey> {
  const overlap = new OverlapFinder(valid);
  const smallest = new Smallest(valid.length);
  let tokens = 0;
  for (let i = 0; i < train.length; i++) {
    const sequence = train.get(i);
    smallest.offer(contentHash(sequence, seed), i);
    overlap.see(sequence, contentHash(sequence, 0));
    tokens += sequence.tokens.length;
    if (tokens < TOKENS_A_TURN) continue;
    tokens = 0;
    signal?.throwIfAborted();
    await turn();
  }
  return { probe: new Subset(train, smallest.indices()), overlap: overlap.result() };
}
