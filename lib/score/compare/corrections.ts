// Several comparisons at once: p-values raised so that the chance of any false alarm (Holm, 1979), or the share of false
// alarms among alarms (Benjamini and Hochberg, 1995), stays below the level asked for.

import { invalid } from '../invalid.js';

function check(values: readonly number[]): void {
  values.forEach((p, i) => {
    if (!(p >= 0 && p <= 1)) throw invalid(`p[${i}]`, 'a probability from 0 to 1', p);
  });
}

/** Places of the values from the smallest on. */
const ranked = (values: readonly number[]): readonly number[] => values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);

/** Holm's adjusted p-values, in the order given. */
export function holm(values: readonly number[]): readonly number[] {
  check(values);
  const adjusted = values.map(() => 0);
  let highest = 0;
  ranked(values).forEach((place, rank) => {
    highest = Math.max(highest, Math.min(1, values[place]! * (values.length - rank)));
    adjusted[place] = highest;
  });
  return adjusted;
}

/** Benjamini and Hochberg's adjusted p-values, in the order given. */
export function benjaminiHochberg(values: readonly number[]): readonly number[] {
  check(values);
  const adjusted = values.map(() => 0);
  const places = ranked(values);
  let lowest = 1;
  for (let rank = values.length - 1; rank >= 0; rank--) {
    const place = places[rank]!;
    lowest = Math.min(lowest, values[place]! / ((rank + 1) / values.length));
    adjusted[place] = lowest;
  }
  return adjusted;
}
