// The batches of a run: packed epochs of all rows, or a mix of sets by share, budget or schedule. Says how many updates
// there are, feeds them from any checkpoint on, and tells which share of each set was really read.

import type { Batch } from '../batch.js';
import { EngineError } from '../errors.js';
import type { CollateOptions } from '../pack/collate.js';
import { meanTokens } from '../pack/mix.js';
import { MixPlan } from '../pack/mix-plan.js';
import type { MixCursor, MixedBatch, MixSource } from '../pack/mix-plan.js';
import { BatchPlan } from '../pack/plan.js';
import type { PlannedBatch } from '../pack/plan.js';
import type { Config } from './config/schema.js';
import { Feed } from './feed.js';
import type { Window, WindowFeed } from './feed.js';
import { makePlan } from './plan.js';
import type { Plan } from './plan.js';
import type { Rows, RowsPart } from './rows.js';
import type { Progress } from './trainer.js';

export interface RunBatches {
  readonly plan: Plan;
  /** Most sequences that one of them can hold. */
  readonly maxSequences: number;
  feed(start: Progress): WindowFeed;
}

/** Rows that are not in memory bring their sources along. */
export type BatchRows = Pick<Rows, 'set' | 'parts'> & { readonly sources?: readonly MixSource[] };

export interface BatchesOptions {
  readonly config: Config;
  readonly maxSequences: number;
  readonly collate: CollateOptions;
}

export async function openBatches(rows: BatchRows, { config, maxSequences, collate }: BatchesOptions): Promise<RunBatches> {
  const { batchTokens, seed, shuffle, accumulation } = config.train;
  if (config.data.mix.mode === 'union' && rows.sources === undefined) {
    const batches = new BatchPlan(rows.set, { batchTokens, seed, shuffle, collate });
    const plan = makePlan({ ...config.train, batchesOf: (epoch) => batches.report(epoch).batches });
    const feed = ({ step }: Progress): WindowFeed => (rows.parts.length > 1 ? mixedFeed(batches, rows, accumulation, step) : new Feed(batches, accumulation, step));
    return { plan, maxSequences, feed };
  }
  checkShares(config, rows.parts);
  const sources = rows.sources ?? rows.parts.map((part) => memorySource(rows, part));
  const mix = new MixPlan(sources, { ...config.data.mix, batchTokens, accumulation, seed, shuffle, collate });
  const steps = await stepsOf(mix, config, rows.sources === undefined);
  return {
    plan: makePlan({ ...config.train, steps, batchesOf: () => steps * accumulation }),
    maxSequences: rows.sources === undefined ? maxSequences : Math.ceil(batchTokens / 2),
    feed: ({ data }) => new MixFeed(mix, accumulation, data as MixCursor | undefined),
  };
}

/** Rows in memory (or in their cache file) as a set of the mix. */
function memorySource({ set }: BatchRows, { name, share, tokens, begin, end }: RowsPart): MixSource {
  // A thousand rows, evenly spread, tell how long rows are.
  const step = Math.max(1, Math.floor((end - begin) / 1000));
  let [seen, tokensSeen] = [0, 0];
  for (let at = begin; at < end; at += step, seen++) tokensSeen += set.lengthOf(at);
  return {
    meanTokens: tokensSeen / Math.max(1, seen), name, length: end - begin, ...(share === undefined ? {} : { share }), ...(tokens === undefined ? {} : { tokens }),
    load: (rows) => rows.map((row) => [set.get(begin + row)]),
  };
}

function checkShares(config: Config, parts: readonly RowsPart[]): void {
  const refuse = (problem: string, key: string): never => {
    throw new EngineError(`${key}: ${problem}`, { code: 'ERR_CONFIG', key });
  };
  const { mode, curriculum } = config.data.mix;
  const without = parts.find(({ tokens }) => tokens === undefined);
  if (mode === 'budget' && without !== undefined) refuse(`expected "tokens" for every set, came none for ${without.name}`, 'data.train');
  if (curriculum !== undefined && mode !== 'weighted') refuse('a curriculum goes with data.mix.mode: weighted', 'data.mix.curriculum');
  for (const { shares } of curriculum ?? []) {
    const unknown = Object.keys(shares).find((name) => !parts.some((part) => part.name === name));
    if (unknown !== undefined) refuse(`expected names of sets (${parts.map(({ name }) => name).join(', ')}), came ${unknown}`, 'data.mix.curriculum');
    if (Object.values(shares).every((share) => share === 0)) refuse('expected a share above 0', 'data.mix.curriculum');
  }
}

/** Updates of a mix: as configured; a budget in memory is counted out. */
async function stepsOf(mix: MixPlan, config: Config, inMemory: boolean): Promise<number> {
  const { steps, accumulation } = config.train;
  if (config.data.mix.mode !== 'budget' || !inMemory) {
    if (steps !== undefined) return steps;
    const what = config.data.streaming ? 'data.streaming' : `data.mix.mode: ${config.data.mix.mode}`;
    throw new EngineError(`train.steps: expected a number of updates, because ${what} has no end of its own`, { code: 'ERR_CONFIG', key: 'train.steps' });
  }
  let batches = 0;
  for await (const _ of mix.batches()) if (++batches === (steps ?? Infinity) * accumulation) break;
  return Math.max(1, Math.ceil(batches / accumulation));
}

/** Windows of a mix, from a cursor on. */
class MixFeed implements WindowFeed {
  readonly #batches: AsyncGenerator<MixedBatch>;
  #given = 0;
  #last: MixedBatch | undefined;

  constructor(private readonly mix: MixPlan, private readonly accumulation: number, from: MixCursor | undefined) {
    this.#batches = mix.batches(from);
    this.#given = from === undefined ? 0 : from.batches + from.done;
  }

  next(): Window<Promise<Batch>> {
    const own: { last?: MixedBatch } = {};
    const { sources } = this.mix;
    return {
      // Passes are counted in tokens: what was given of what all rows hold, by what rows were like so far. Never a whole
      // number, because a mix has no end of an epoch.
      get epoch() {
        if (own.last === undefined) return Number.EPSILON;
        const { given, state } = own.last.after;
        const all = sources.reduce((sum, { length }, i) => sum + length * meanTokens(sources, state, i), 0);
        const passes = given.reduce((sum, tokens) => sum + tokens, 0) / all;
        return Number.isInteger(passes) ? passes + Number.EPSILON : passes;
      },
      batches: Array.from({ length: this.accumulation }, () => async () => {
        const { done, value } = await this.#batches.next();
        if (done) {
          if (this.#last === undefined || own.last === undefined) throw usedUp(this.#given);
          return empty(own.last.batch);
        }
        this.#given++;
        this.#last = value;
        own.last = value;
        return value.batch;
      }),
      after: () => own.last?.after,
      realised: () => own.last?.realised ?? {},
    };
  }
}

function usedUp(batches: number): Error {
  return new EngineError(`train.steps: the budgets of all sets are used up after ${batches} batches. Lower train.steps, or raise the budgets`,
    { code: 'ERR_CONFIG', key: 'train.steps' });
}

/** One token that nothing is learned from: fills the window of the last update. */
function empty(like: Batch): Batch {
  return {
    tokens: like.tokens.slice(0, 1), labels: Int32Array.of(-1), positions: Int32Array.of(0), seqBegin: Int32Array.of(0, 1),
    segments: [{ ...like.segments[0]!, begin: 0, end: 1 }],
  };
}

/** Packed epochs of several sets: the usual feed, with the tokens of each set counted beside it. */
function mixedFeed(plan: BatchPlan, { set, parts }: BatchRows, accumulation: number, step: number): WindowFeed {
  const given = parts.map(() => 0);
  const note = ({ sequences }: PlannedBatch): void => {
    for (const index of sequences) {
      const at = parts.findIndex(({ end }) => index < end);
      given[at] = given[at]! + set.lengthOf(index);
    }
  };
  const counted = {
    report: (epoch: number) => plan.report(epoch),
    *batches(from: { readonly epoch: number; readonly index: number }) {
      for (const planned of plan.batches(from)) {
        note(planned);
        yield planned;
      }
    },
  };
  const feed = new Feed(counted, accumulation, step);
  return {
    next: () => ({
      ...feed.next(),
      realised: () => {
        const total = given.reduce((sum, tokens) => sum + tokens, 0);
        return Object.fromEntries(parts.map(({ name }, i) => [name, given[i]! / total]));
      },
    }),
  };
}
