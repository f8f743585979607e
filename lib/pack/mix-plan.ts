// Batches of several sets in a mix, for ever or until a budget or an epoch is used up. Rows are drawn and packed block by
// block; a cursor between two batches is a few numbers, and going on from it costs one block, wherever it lies.
import type { Batch, Sequence } from '../batch.js';
import { mix as hash, permutation, type Permutation } from '../data/shuffle.js';
import { dataError } from '../errors.js';
import { collate, type CollateOptions } from './collate.js';
import { drawSets, meanTokens, mixStart, settle, type MixRules, type MixShape, type MixState } from './mix.js';
import { pack } from './packer.js';

/** A set of rows that sequences are asked of, a block at a time. */
export interface MixSource extends MixShape {
  /** For each row its sequences: one, several pieces, or none if it cannot be used. */
  load(rows: readonly number[]): Promise<readonly (readonly Sequence[])[]> | readonly (readonly Sequence[])[];
  /** An order of all rows of its own, for sets in which neighbours are cheaper. Default: a permutation of all. */
  order?(seed: number, pass: number): Permutation;
}

export interface MixPlanOptions extends MixRules {
  readonly batchTokens: number;
  /** Batches of an update: what the steps of a curriculum count. Default 1. */
  readonly accumulation?: number;
  readonly seed?: number;
  readonly shuffle?: boolean;
  readonly collate?: CollateOptions;
}

/** A place between two batches: plain numbers, kept in checkpoints. */
export interface MixCursor {
  /** What was drawn before the block that the next batch is of. */
  readonly state: MixState;
  /** Rows [set, row, piece] that the block before left over for this one. */
  readonly carried: readonly (readonly [number, number, number])[];
  /** Batches before the block, and done in it. */
  readonly batches: number;
  readonly done: number;
  /** Tokens of each set in all batches so far. */
  readonly given: readonly number[];
}

export interface MixedBatch {
  readonly batch: Batch;
  readonly cursor: MixCursor;
  readonly after: MixCursor;
  /** Share of each set in the tokens of all batches so far, this one included. */
  readonly realised: Readonly<Record<string, number>>;
}

interface Item {
  readonly set: number;
  readonly row: number;
  readonly piece: number;
  readonly sequence: Sequence;
}

/** A block is made to fill about so many batches. */
const BATCHES_PER_BLOCK = 16;
const MOST_ROWS = 4096;
const FEWEST_ROWS = 32;
/** The emptiest batch of a block waits for the next one if it is not this full. */
const FULL_ENOUGH = 0.9;

export class MixPlan {
  readonly sources: readonly MixSource[];
  readonly options: MixPlanOptions;
  readonly #orders = new Map<string, Permutation>();

  constructor(sources: readonly MixSource[], options: MixPlanOptions) {
    this.sources = sources;
    this.options = options;
    if (sources.every(({ length }) => length === 0)) throw new RangeError('expected at least one set with rows');
  }

  get start(): MixCursor {
    return { state: mixStart(this.sources), carried: [], batches: 0, done: 0, given: this.sources.map(() => 0) };
  }

  /** Batches from a cursor on: the same cursor always gives the same ones. */
  async *batches(from: MixCursor = this.start): AsyncGenerator<MixedBatch> {
    const total = this.sources.reduce((sum, { length }) => sum + length, 0);
    let cursor = from;
    let empty = 0; // rows drawn since the last batch
    for (;;) {
      const block = await this.#block(cursor);
      if (block === undefined) return;
      const { bins, after } = block;
      empty = bins.length > 0 ? 0 : empty + sum(after.state.drawn) - sum(cursor.state.drawn);
      if (empty > 2 * total + MOST_ROWS) {
        throw dataError({}, `expected rows that can be used, came none in two passes over ${total}. Look at them: whetstone data inspect`);
      }
      if (bins.length === 0) cursor = { ...after, given: cursor.given };
      for (let i = cursor.done; i < bins.length; i++) {
        const items = bins[i] as readonly Item[];
        const given = [...cursor.given];
        for (const { set, sequence } of items) given[set] = (given[set] as number) + sequence.tokens.length;
        const next: MixCursor = i + 1 < bins.length ? { ...cursor, done: i + 1, given } : { ...after, given };
        yield {
          batch: collate(items.map(({ sequence }) => ({ sequence })), this.options.collate),
          cursor, after: next, realised: this.realised(next),
        };
        cursor = next;
      }
    }
  }

  /** Share of each set in all tokens up to a cursor. */
  realised({ given }: MixCursor): Readonly<Record<string, number>> {
    const total = sum(given);
    return Object.fromEntries(this.sources.map(({ name }, i) => [name, total === 0 ? 0 : (given[i] as number) / total]));
  }

  /** Draws, loads and packs the block that a cursor lies in; undefined when there is nothing more. */
  async #block(cursor: MixCursor): Promise<{ readonly bins: readonly (readonly Item[])[]; readonly after: MixCursor } | undefined> {
    const { batchTokens, accumulation = 1, seed = 0 } = this.options;
    const { state, carried } = cursor;
    const step = Math.floor(cursor.batches / accumulation);
    const drawn = this.#draw(state, step, this.#rowsOfBlock(state));
    if (drawn.length === 0 && carried.length === 0) return undefined;
    const rows = await this.#load([...new Set(carried.map(([set, row]) => `${set} ${row}`))].map((key) => {
      const [set, row] = key.split(' ').map(Number) as [number, number];
      return { set, row };
    }), drawn);
    const kept = carried.flatMap(([set, row, piece]) => {
      const sequence = rows.carried.get(`${set} ${row}`)?.[piece];
      return sequence === undefined ? [] : [{ set, row, piece, sequence }];
    });
    const fresh = drawn.flatMap(({ set, row }, i) => (rows.drawn[i] as readonly Sequence[]).map((sequence, piece): Item => ({ set, row, piece, sequence })));
    const items = [...kept, ...fresh];
    const bins = [...pack(items.keys(), (at) => (items[at] as Item).sequence.tokens.length, {
      budget: batchTokens, seed: hash(hash(seed >>> 0, cursor.batches), 0x6d6978),
    })].map((bin) => bin.map((at) => items[at] as Item));
    const settled = settle(this.sources, this.options, state, step, drawn.map(({ set }, i) => ({
      set, tokens: (rows.drawn[i] as readonly Sequence[]).reduce((sum, { tokens }) => sum + tokens.length, 0),
    })));
    // Without new rows there is nothing to wait for.
    const left = drawn.length === 0 ? undefined : emptiest(bins, batchTokens);
    return {
      bins: left === undefined ? bins : bins.filter((bin) => bin !== left),
      after: {
        state: settled, carried: (left ?? []).map(({ set, row, piece }) => [set, row, piece] as const),
        batches: cursor.batches + bins.length - (left === undefined ? 0 : 1), done: 0, given: cursor.given,
      },
    };
  }

  /** How many rows fill a block, by what rows were like so far. */
  #rowsOfBlock(state: MixState): number {
    const total = state.drawn.reduce((sum, rows) => sum + rows, 0);
    const mean = total === 0 ? meanTokens(this.sources, state, 0) : Math.max(1, state.tokens.reduce((sum, tokens) => sum + tokens, 0) / total);
    return Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, Math.ceil((BATCHES_PER_BLOCK * this.options.batchTokens) / mean)));
  }

  /** The next rows: the sets by the rules of the mix, in each set the next of its order. */
  #draw(state: MixState, step: number, count: number): { readonly set: number; readonly row: number }[] {
    if (this.options.mode === 'union') return this.#drawAll(state, count);
    const drawn = [...state.drawn];
    return drawSets(this.sources, this.options, state, step, count).map((set) => {
      const nth = drawn[set] as number;
      drawn[set] = nth + 1;
      const { length } = this.sources[set] as MixSource;
      return { set, row: this.#order(set, Math.floor(nth / length))(nth % length) };
    });
  }

  /** Every row of every set once a pass, all sets shuffled together. */
  #drawAll(state: MixState, count: number): { readonly set: number; readonly row: number }[] {
    const { sources, options: { seed = 0, shuffle = true } } = this;
    const total = sources.reduce((sum, { length }) => sum + length, 0);
    const before = state.drawn.reduce((sum, rows) => sum + rows, 0);
    const single = sources.length === 1;
    const drawn: { set: number; row: number }[] = [];
    for (let i = 0; i < count; i++) {
      const [pass, nth] = [Math.floor((before + i) / total), (before + i) % total];
      if (single) {
        drawn.push({ set: 0, row: this.#order(0, pass)(nth) });
        continue;
      }
      let row = shuffle ? this.#permutation(`all ${pass}`, total, seed, pass)(nth) : nth;
      let set = 0;
      while (row >= (sources[set] as MixSource).length) row -= (sources[set++] as MixSource).length;
      drawn.push({ set, row });
    }
    return drawn;
  }

  #order(set: number, pass: number): Permutation {
    const { seed = 0, shuffle = true } = this.options;
    const source = this.sources[set] as MixSource;
    if (!shuffle) return (index) => index;
    const own = hash(seed >>> 0, set);
    const { order } = source;
    if (order === undefined) return this.#permutation(`${set} ${pass}`, source.length, own, pass);
    return this.#remember(`${set} ${pass}`, () => order.call(source, own, pass));
  }

  #permutation(key: string, length: number, seed: number, pass: number): Permutation {
    return this.#remember(key, () => permutation(length, seed, pass));
  }

  #remember(key: string, make: () => Permutation): Permutation {
    let known = this.#orders.get(key);
    if (known === undefined) {
      if (this.#orders.size > 4 * this.sources.length + 4) this.#orders.clear();
      known = make();
      this.#orders.set(key, known);
    }
    return known;
  }

  /** Asks each set once. */
  async #load(carried: readonly { set: number; row: number }[], drawn: readonly { set: number; row: number }[]): Promise<{
    readonly carried: ReadonlyMap<string, readonly Sequence[]>; readonly drawn: readonly (readonly Sequence[])[];
  }> {
    const all = [...carried, ...drawn];
    const found: (readonly Sequence[])[] = Array.from({ length: all.length }, () => []);
    for (const [set, source] of this.sources.entries()) {
      const places = [...all.keys()].filter((at) => all[at]?.set === set);
      if (places.length === 0) continue;
      const rows = await source.load(places.map((at) => (all[at] as { row: number }).row));
      places.forEach((at, i) => { found[at] = rows[i] ?? []; });
    }
    return {
      carried: new Map(carried.map(({ set, row }, i) => [`${set} ${row}`, found[i] as readonly Sequence[]])),
      drawn: found.slice(carried.length),
    };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** The bin with most room, if it is not full enough and not the only one. */
function emptiest(bins: readonly (readonly Item[])[], budget: number): readonly Item[] | undefined {
  let least: readonly Item[] | undefined;
  let used = FULL_ENOUGH * budget;
  for (const bin of bins) {
    const tokens = bin.reduce((sum, { sequence }) => sum + sequence.tokens.length, 0);
    if (tokens < used) [least, used] = [bin, tokens];
  }
  return bins.length > 1 ? least : undefined;
}
