// Fills token budgets: best-fit decreasing within a window of sequences, or in order. Works on lengths alone.
import { mix, permutation } from '../data/shuffle.js';

export interface PackOptions {
  /** Most tokens in one batch. */
  readonly budget: number;
  /** 'best-fit' (default) chooses within the window; 'sequential' keeps the order and never looks ahead. */
  readonly mode?: 'best-fit' | 'sequential';
  /** Sequences that best-fit may rearrange at once. Default 4096. */
  readonly window?: number;
  /** Orders the batches of a window. */
  readonly seed?: number;
}

/** Numbers of the items in one batch, in the order in which they came. */
export type Bin = readonly number[];

/**
 * Packs items, given in `order`, into bins. No item is lost, none is split, none put twice, and no bin holds more
 * than the budget; every length must be at most the budget. A pure function of its arguments.
 */
export function* pack(
  order: Iterable<number>,
  lengthOf: (item: number) => number,
  options: PackOptions,
): Generator<Bin> {
  const { budget, mode = 'best-fit', window = 4096, seed = 0 } = options;
  if (mode === 'sequential') {
    yield* packSequential(order, lengthOf, budget);
    return;
  }
  let items: number[] = [];
  let turn = 0;
  for (const item of order) {
    items.push(item);
    if (items.length < window) continue;
    yield* packWindow(items, lengthOf, budget, mix(seed, turn++));
    items = [];
  }
  if (items.length > 0) yield* packWindow(items, lengthOf, budget, mix(seed, turn));
}

function* packSequential(order: Iterable<number>, lengthOf: (item: number) => number, budget: number): Generator<Bin> {
  let bin: number[] = [];
  let used = 0;
  for (const item of order) {
    const length = checked(item, lengthOf, budget);
    if (used + length > budget && bin.length > 0) {
      yield bin;
      bin = [];
      used = 0;
    }
    bin.push(item);
    used += length;
  }
  if (bin.length > 0) yield bin;
}

/** Longest first, each into the fullest bin that has room; then the bins in a seeded order, long ones not first. */
function* packWindow(
  items: readonly number[],
  lengthOf: (item: number) => number,
  budget: number,
  seed: number,
): Generator<Bin> {
  const lengths = items.map((item) => checked(item, lengthOf, budget));
  const byLength = items
    .map((_, place) => place)
    .sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
  const bins: number[][] = [];
  const room = new RoomIndex(budget);
  for (const place of byLength) {
    const length = lengths[place] as number;
    const found = room.take(length);
    if (found === undefined) room.put(bins.push([place]) - 1, budget - length);
    else {
      (bins[found.bin] as number[]).push(place);
      room.put(found.bin, found.room - length);
    }
  }
  const shuffled = permutation(bins.length, seed);
  for (let i = 0; i < bins.length; i++) {
    yield (bins[shuffled(i)] as number[]).sort((a, b) => a - b).map((place) => items[place] as number);
  }
}

function checked(item: number, lengthOf: (item: number) => number, budget: number): number {
  const length = lengthOf(item);
  if (length > budget) throw new RangeError(`item ${item} of ${length} tokens does not fit the budget of ${budget}`);
  return length;
}

/** Bins by room left: finds the smallest room that is enough. A tree of "which room sizes exist" over [0, budget]. */
class RoomIndex {
  readonly #leaves: number;
  readonly #count: Int32Array;
  readonly #bins = new Map<number, number[]>();

  constructor(budget: number) {
    let leaves = 1;
    while (leaves < budget + 1) leaves *= 2;
    this.#leaves = leaves;
    this.#count = new Int32Array(2 * leaves);
  }

  put(bin: number, room: number): void {
    const list = this.#bins.get(room);
    if (list === undefined) this.#bins.set(room, [bin]);
    else list.push(bin);
    for (let node = this.#leaves + room; node > 0; node >>= 1) (this.#count[node] as number)++;
  }

  take(length: number): { bin: number; room: number } | undefined {
    let node = this.#leaves + length;
    if (this.#count[node] === 0) {
      // Up until there is a filled part to the right, then down its left edge.
      while (node > 1 && ((node & 1) === 1 || this.#count[node + 1] === 0)) node >>= 1;
      if (node <= 1) return undefined;
      node++;
      while (node < this.#leaves) node = this.#count[2 * node] === 0 ? 2 * node + 1 : 2 * node;
    }
    const room = node - this.#leaves;
    const bin = (this.#bins.get(room) as number[]).shift() as number;
    for (; node > 0; node >>= 1) (this.#count[node] as number)--;
    return { bin, room };
  }
}
