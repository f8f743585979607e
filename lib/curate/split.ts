// Which part each group of rows goes to. Pure: the same groups, strata and seed give the same parts, in any order of
// rows. docs/splits.md says what is guaranteed when rows are added.
import type { Grouping } from './split-groups.js';
import { drawOf } from './key64.js';

/** 0: train, 1: validation, 2: test, 3: kept aside (only with earlier parts that cannot all be kept together). */
export const PARTS = ['train', 'validation', 'test', 'aside'] as const;
export type Part = (typeof PARTS)[number];
export const ASIDE = 3;

export interface SplitShares {
  readonly validation: number;
  readonly test: number;
}

export interface AssignOptions extends SplitShares {
  readonly seed: number;
  /**
   * Shares are met in every stratum to within one group, instead of by a draw for each group. Then rows near the cut can
   * change their part when others are added. @default false
   */
  readonly exact?: boolean;
  /** Number of the stratum of each row; absent: one stratum. */
  readonly strata?: Int32Array;
  /** Part that each row had before, -1 where it is new: rows with a part keep it. */
  readonly previous?: Int8Array;
}

export interface Assignment {
  /** For each row its place in PARTS. */
  readonly part: Uint8Array;
  /** Rows kept aside because they join groups that were in different parts before. */
  readonly aside: number;
  /** Groups whose rows were in different parts before and stay there. */
  readonly torn: number;
}

export function assignParts(groups: Grouping, options: AssignOptions): Assignment {
  checkShares(options);
  const { groupOf, keys, sizes } = groups;
  const { seed, previous } = options;
  const draws = Float64Array.from(keys, (key) => drawOf(key, seed));
  const { pinned, torn } = pinnedGroups(groups, previous);
  const chosen = options.exact === true
    ? byQuota(groups, draws, pinned, options)
    : Uint8Array.from(sizes, (_, group) => (pinned[group]! >= 0 ? pinned[group]! : byDraw(draws[group]!, options)));
  let aside = 0;
  const part = Uint8Array.from(groupOf, (group, row) => {
    if (pinned[group] !== ASIDE) return chosen[group]!;
    if (previous![row]! >= 0) return previous![row]!;
    aside++;
    return ASIDE;
  });
  return { part, aside, torn };
}

/** Test takes the lowest draws, then validation: changing one share moves as few groups as possible. */
export function byDraw(draw: number, { validation, test }: SplitShares): number {
  return draw < test ? 2 : draw < test + validation ? 1 : 0;
}

/** Part of each group by what its rows had before: -1 new, ASIDE where they disagree. */
function pinnedGroups({ groupOf, sizes }: Grouping, previous: Int8Array | undefined): { pinned: Int8Array; torn: number } {
  const pinned = new Int8Array(sizes.length).fill(-1);
  let torn = 0;
  for (const [row, part] of previous?.entries() ?? []) {
    if (part < 0) continue;
    const group = groupOf[row]!;
    if (pinned[group] === -1) pinned[group] = part;
    else if (pinned[group] !== part && pinned[group] !== ASIDE) {
      pinned[group] = ASIDE;
      torn++;
    }
  }
  return { pinned, torn };
}

/**
 * In each stratum groups stand in the order of their draws; the first go to test until it holds its share of the
 * stratum's rows, the next to validation. What rounding leaves over is carried to the next stratum, so that many small
 * strata together still meet the shares. A group lies in the stratum of its deciding row.
 */
function byQuota({ sizes, keyRows, keys }: Grouping, draws: Float64Array, pinned: Int8Array, options: AssignOptions): Uint8Array {
  const stratumOf = (group: number): number => options.strata?.[keyRows[group]!] ?? 0;
  const order = Uint32Array.from(sizes, (_, group) => group).sort((a, b) =>
    stratumOf(a) - stratumOf(b) || draws[a]! - draws[b]! || keys[a]!.high - keys[b]!.high || keys[a]!.low - keys[b]!.low);
  const chosen = new Uint8Array(sizes.length);
  const carry = { 1: 0, 2: 0 };
  for (let begin = 0; begin < order.length;) {
    let end = begin;
    let rows = 0;
    while (end < order.length && stratumOf(order[end]!) === stratumOf(order[begin]!)) rows += sizes[order[end++]!]!;
    const members = order.subarray(begin, end);
    const wanted = { 1: rows * options.validation + carry[1], 2: rows * options.test + carry[2] };
    for (const group of members) {
      const part = pinned[group]!;
      if (part === 1 || part === 2) wanted[part] -= sizes[group]!;
    }
    for (const group of members) {
      const size = sizes[group]!;
      const part = pinned[group]! >= 0 ? pinned[group]! : fits(wanted[2], size) ? 2 : fits(wanted[1], size) ? 1 : 0;
      chosen[group] = part;
      if (pinned[group]! < 0 && (part === 1 || part === 2)) wanted[part] -= size;
    }
    carry[1] = wanted[1];
    carry[2] = wanted[2];
    begin = end;
  }
  return chosen;
}

/** Taking the group brings the part nearer to what it wants than leaving it. */
function fits(wanted: number, size: number): boolean {
  return wanted > 0 && wanted >= size / 2;
}

function checkShares({ validation, test, seed }: AssignOptions): void {
  for (const [name, share] of Object.entries({ validation, test })) {
    if (!(share >= 0 && share < 1)) throw new RangeError(`${name}: expected a share of at least 0 and below 1, came ${share}`);
  }
  if (validation + test >= 1) throw new RangeError(`expected validation + test below 1, so that something is left to train on; came ${validation + test}`);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed: expected a whole number of at least 0, came ${seed}`);
}
