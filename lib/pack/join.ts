// Several sets of sequences as one, end to end.
import type { Sequence } from '../batch.js';
import type { SequenceSet } from './plan.js';

/** `rows`: how many rows a set was made of, so that rows of different sets have different numbers. */
export function joinSets(parts: readonly { readonly set: SequenceSet; readonly rows: number }[]): SequenceSet {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only.set;
  const begins = [0];
  const rows = [0];
  for (const part of parts) {
    begins.push((begins.at(-1) as number) + part.set.length);
    rows.push((rows.at(-1) as number) + part.rows);
  }
  const length = begins.at(-1) as number;
  const place = (index: number): number => {
    if (!(index >= 0 && index < length)) throw new RangeError(`index: expected 0 to ${length - 1}, came ${index}`);
    let at = 0;
    while (index >= (begins[at + 1] as number)) at++;
    return at;
  };
  return {
    length,
    lengthOf: (index) => {
      const at = place(index);
      return (parts[at] as { set: SequenceSet }).set.lengthOf(index - (begins[at] as number));
    },
    get: (index): Sequence => {
      const at = place(index);
      const sequence = (parts[at] as { set: SequenceSet }).set.get(index - (begins[at] as number));
      return { ...sequence, row: sequence.row + (rows[at] as number) };
    },
  };
}
