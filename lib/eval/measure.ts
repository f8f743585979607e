// Loss of a data set with its uncertainty: one pass, sums in double precision, memory that does not grow with the set.
// Rows are what varies (tokens of one row go together), so every standard error is over rows. Two measures of the same
// rows are compared in pairs, through the sums of up to 256 groups of rows.

import type { Batch } from '../batch.js';
import type { Cancellable, Evaluation, Session } from '../engine/types.js';

/** Groups of rows that sums are kept for. With fewer rows each is a group of its own. */
export const GROUPS = 256;

/** Sums of weight x nll and of weights, by group of rows. Row k of a pass is in group k mod 256. */
export interface Groups {
  readonly loss: Float64Array;
  readonly weight: Float64Array;
}

/** What a pass found for one row of the data set. */
export interface RowLoss {
  /** Index of the row in its data set. */
  readonly row: number;
  /** Sum of weight x nll, and of weights. */
  readonly loss: number;
  readonly weight: number;
  readonly tokens: number;
  /** Tokens that were the model's first choice. */
  readonly right: number;
}

/** A batch, and for each of its sequences the index of the row that it is, or is a piece of. */
export interface PassBatch {
  readonly batch: Batch;
  readonly rows: readonly number[];
}

/** Which parts of a data set are also counted on their own. */
export interface Slicing {
  readonly names: readonly string[];
  /** Numbers of the slices that a row belongs to. */
  readonly of: (row: number) => readonly number[];
}

export interface SliceMeasure {
  readonly name: string;
  readonly loss: number;
  readonly standardError: number;
  readonly accuracy: number;
  readonly tokens: number;
  readonly rows: number;
}

export interface Measure {
  /** Sum of weight x nll by sum of weights. */
  readonly loss: number;
  readonly standardError: number;
  readonly perplexity: number;
  /** Share of scored tokens that were the model's first choice. */
  readonly accuracy: number;
  readonly accuracyError: number;
  readonly tokens: number;
  /** All tokens read. */
  readonly read: number;
  readonly rows: number;
  readonly slices: readonly SliceMeasure[];
  readonly groups: Groups;
}

/** Name of the slice of rows that stand in no training row. */
export const CLEAN = 'clean';

/** For `slicing`: rows that were not seen in training. */
export const cleanSlice = (seen: { has(row: number): boolean }): Slicing => ({ names: [CLEAN], of: (row) => (seen.has(row) ? [] : [0]) });

/** Of a measure with that slice: what it found, where some rows were seen and others not. */
export function cleanOf({ rows, slices }: Measure): (SliceMeasure & { readonly perplexity: number }) | undefined {
  const clean = slices.find(({ name }) => name === CLEAN);
  return clean === undefined || clean.rows === rows || clean.rows === 0 ? undefined : { ...clean, perplexity: Math.exp(clean.loss) };
}

export interface MeasureOptions extends Cancellable {
  readonly slicing?: Slicing;
  /** Called for every row, in order. */
  readonly onRow?: (row: RowLoss) => void;
  readonly onBatch?: (report: { readonly read: number }) => void;
}

/** Sums over rows from which a ratio and its standard error follow: numerator n, denominator d. */
export class Ratio {
  n = 0;
  d = 0;
  #nn = 0;
  #nd = 0;
  #dd = 0;
  rows = 0;

  add(n: number, d: number): void {
    this.n += n;
    this.d += d;
    this.#nn += n * n;
    this.#nd += n * d;
    this.#dd += d * d;
    this.rows++;
  }

  get value(): number {
    return this.n / this.d;
  }

  /** By linearisation: residuals n - value x d of the rows. NaN with fewer than two rows. */
  get error(): number {
    const r = this.value;
    const squares = Math.max(0, this.#nn - 2 * r * this.#nd + r * r * this.#dd);
    return this.rows < 2 ? NaN : Math.sqrt((squares * this.rows) / (this.rows - 1)) / this.d;
  }
}

class Tally {
  readonly loss = new Ratio();
  readonly right = new Ratio();

  add(row: RowLoss): void {
    this.loss.add(row.loss, row.weight);
    this.right.add(row.right, row.tokens);
  }
}

/** Measures batches as they come, in the order of rows; the next one is built while the engine computes. */
export async function measure(
  session: Session, batches: Iterable<PassBatch> | AsyncIterable<PassBatch>, options: MeasureOptions = {},
): Promise<Measure> {
  const { signal, slicing } = options;
  const all = new Tally();
  const slices = (slicing?.names ?? []).map(() => new Tally());
  const groups: Groups = { loss: new Float64Array(GROUPS), weight: new Float64Array(GROUPS) };
  let read = 0;
  let open: { row: number; loss: number; weight: number; tokens: number; right: number } | undefined;
  const close = (): void => {
    if (open === undefined || open.tokens === 0) return;
    const group = all.loss.rows % GROUPS;
    groups.loss[group]! += open.loss;
    groups.weight[group]! += open.weight;
    all.add(open);
    for (const number of slicing?.of(open.row) ?? []) slices[number]!.add(open);
    options.onRow?.(open);
  };
  const take = ({ batch, rows }: PassBatch, { rowLoss, top1 }: Evaluation): void => {
    const { labels, weights, seqBegin } = batch;
    rows.forEach((row, q) => {
      if (open?.row !== row) {
        close();
        open = { row, loss: 0, weight: 0, tokens: 0, right: 0 };
      }
      for (let t = seqBegin[q]!; t < seqBegin[q + 1]!; t++) {
        if (labels[t]! < 0) continue;
        const weight = weights ? weights[t]! : 1;
        open.loss += weight * rowLoss[t]!;
        open.weight += weight;
        open.tokens++;
        if (top1![t] === labels[t]) open.right++;
      }
    });
    read += labels.length;
    options.onBatch?.({ read });
  };
  let before: { readonly item: PassBatch; readonly pending: Promise<Evaluation> } | undefined;
  for await (const item of batches) {
    const pending = session.evaluate(item.batch, { signal, top1: true });
    pending.catch(() => undefined); // looked at below, or never if an earlier one failed
    if (before) take(before.item, await before.pending);
    before = { item, pending };
  }
  if (before) take(before.item, await before.pending);
  close();
  return {
    loss: all.loss.value, standardError: all.loss.error, perplexity: Math.exp(all.loss.value),
    accuracy: all.right.value, accuracyError: all.right.error, tokens: all.right.d, read, rows: all.loss.rows, groups,
    slices: slices.map(({ loss, right }, i) => ({
      name: slicing!.names[i]!, loss: loss.value, standardError: loss.error, accuracy: right.value, tokens: right.d, rows: loss.rows,
    })),
  };
}

export interface Change {
  /** Loss now less loss before. */
  readonly value: number;
  readonly standardError: number;
}

/** How a loss has changed over the same rows, in pairs; NaN when the rows are not the same. */
export function change(now: Groups, before: Groups): Change {
  let [difference, weight, groups] = [0, 0, 0];
  for (let g = 0; g < GROUPS; g++) {
    if (now.weight[g] !== before.weight[g]) return { value: NaN, standardError: NaN };
    difference += now.loss[g]! - before.loss[g]!;
    weight += now.weight[g]!;
    if (now.weight[g]! > 0) groups++;
  }
  const value = difference / weight;
  let squares = 0;
  for (let g = 0; g < GROUPS; g++) squares += (now.loss[g]! - before.loss[g]! - value * now.weight[g]!) ** 2;
  return { value, standardError: groups < 2 ? NaN : Math.sqrt((squares * groups) / (groups - 1)) / weight };
}

/** Groups as text that a checkpoint can keep, bit for bit. */
export function packGroups({ loss, weight }: Groups): string {
  const bytes = new Uint8Array(16 * GROUPS);
  bytes.set(new Uint8Array(loss.buffer, loss.byteOffset, 8 * GROUPS));
  bytes.set(new Uint8Array(weight.buffer, weight.byteOffset, 8 * GROUPS), 8 * GROUPS);
  return Buffer.from(bytes).toString('base64');
}

export function unpackGroups(text: string): Groups {
  const numbers = new Float64Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);
  return { loss: numbers.slice(0, GROUPS), weight: numbers.slice(GROUPS) };
}
