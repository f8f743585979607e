// Whole numbers below a limit from a seed, for rows of tests.
import { mix } from '../../../lib/data/shuffle.js';

export function randomBelow(seed: number): (limit: number) => number {
  let n = 0;
  return (limit) => Math.floor((mix(seed, n++) / 2 ** 32) * limit);
}
