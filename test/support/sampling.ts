// What the sampler must draw: the contract's steps over sorted lists, for rows with every setting.
import { mixedRows, type SampleRow } from './cases/sample.js';
import { philox, uniform } from './philox.js';

const SITE = 0xfffffffe;

export interface Drawn {
  readonly token: number;
  readonly logprob: number;
}

/** In double. */
function reference(row: SampleRow): Drawn {
  const { temperature = 1, topK = 0, topP = 1, penalty = 1, seed = 0n, counter = 0 } = row;
  const logits = Array.from(row.logits);
  const top = logits.reduce((a, b) => Math.max(a, b));
  const lse = top + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0));
  const p32 = Math.fround(penalty);
  const seen = new Set(row.history);
  const allowed = row.allow === undefined ? undefined : new Set(row.allow);
  const order = logits
    .map((z, id) => ({ id, z: !seen.has(id) ? z : z > 0 ? z / p32 : z * p32 }))
    .filter(({ id }) => allowed?.has(id) ?? true)
    .sort((a, b) => b.z - a.z || a.id - b.id);
  const drawn = (id: number) => ({ token: id, logprob: logits[id]! - lse });
  if (temperature === 0) return drawn(order[0]!.id);
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const p = kept.map(({ z }) => Math.exp((z - kept[0]!.z) / Math.fround(temperature)));
  const all = p.reduce((a, b) => a + b, 0);
  let mass = 0;
  let count = 0;
  while (count < p.length && (count === 0 || mass < Math.fround(topP) * all)) mass += p[count++]!;
  const target = uniform(philox(seed, [0, 0, SITE, counter])[0]) * mass;
  let i = 0;
  for (let below = p[0]!; i + 1 < count && below <= target; below += p[++i]!);
  return drawn(kept[i]!.id);
}

// Made once for all targets.
const mixed = new Map<number, { readonly rows: readonly SampleRow[]; readonly want: readonly Drawn[] }>();
export function mixedDraws(
  V: number,
  count: number,
): { readonly rows: readonly SampleRow[]; readonly want: readonly Drawn[] } {
  let made = mixed.get(V);
  if (made === undefined) {
    const rows = mixedRows(V, V, count);
    made = { rows, want: rows.map(reference) };
    mixed.set(V, made);
  }
  return made;
}

/** Vocabularies and rows of the calls that are held against the reference. */
export const mixedSizes: readonly (readonly [number, number])[] = [
  [1, 5],
  [7, 40],
  [33, 120],
  [512, 120],
  [4099, 40],
  [49152, 12],
];

/** Largest deviation of a log-probability: f32 sums over the whole vocabulary. */
export function logprobBudget(want: readonly Drawn[]): number {
  return 2e-6 * Math.max(1, ...want.map((d) => Math.abs(d.logprob)));
}
