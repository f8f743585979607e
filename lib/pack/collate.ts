// Puts sequences end to end into one batch: positions restart, segments follow the adapters, nothing is padded.
import type { AdapterSlot, Batch, Segment, Sequence } from '../batch.js';

/** What a sequence needs to be placed: the sequence, and the adapter that learns from it (default: slot 0). */
export interface Placed {
  readonly sequence: Sequence;
  readonly slot?: AdapterSlot;
}

export interface CollateOptions {
  readonly neftuneAlpha?: number;
  readonly labelSmoothing?: number;
}

/** Sequences are grouped by slot (ascending, base-only rows first); within a slot their order is kept. */
export function collate(items: readonly Placed[], options: CollateOptions = {}): Batch {
  const sorted = items.map((item) => ({ slot: slotOf(item), sequence: item.sequence })).sort((a, b) => a.slot - b.slot);
  const rows = sorted.reduce((sum, { sequence }) => sum + sequence.tokens.length, 0);
  const tokens = new Int32Array(rows);
  const labels = new Int32Array(rows);
  const positions = new Int32Array(rows);
  const seqBegin = new Int32Array(sorted.length + 1);
  const segments: { begin: number; end: number; slot: number }[] = [];
  const weights = sorted.some(({ sequence }) => sequence.weights?.some((weight) => weight !== 1))
    ? new Float32Array(rows).fill(1)
    : undefined;
  let at = 0;
  sorted.forEach((item, q) => {
    const { sequence, slot } = item;
    const size = sequence.tokens.length;
    seqBegin[q] = at;
    tokens.set(sequence.tokens, at);
    labels.set(sequence.labels, at);
    if (sequence.weights !== undefined) weights?.set(sequence.weights, at);
    for (let i = 0; i < size; i++) positions[at + i] = i;
    const open = segments.at(-1);
    if (open !== undefined && open.slot === slot) open.end += size;
    else segments.push({ begin: at, end: at + size, slot });
    at += size;
  });
  seqBegin[sorted.length] = rows;
  return {
    tokens,
    labels,
    positions,
    seqBegin,
    segments: segments satisfies readonly Segment[],
    ...(weights === undefined ? {} : { weights }),
    ...(options.neftuneAlpha ? { neftuneAlpha: options.neftuneAlpha } : {}),
    ...(options.labelSmoothing ? { labelSmoothing: options.labelSmoothing } : {}),
  };
}

const slotOf = ({ slot }: Placed) => slot ?? 0;

/** How many labels of a batch are scored, and the sum of their weights: what losses and gradients are divided by. */
export function scored({ labels, weights }: Batch): { readonly tokens: number; readonly weight: number } {
  let tokens = 0;
  let weight = 0;
  for (let t = 0; t < labels.length; t++) {
    if ((labels[t] as number) < 0) continue;
    tokens++;
    weight += weights === undefined ? 1 : (weights[t] as number);
  }
  return { tokens, weight };
}
