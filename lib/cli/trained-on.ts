// `--trained-on`: evaluation rows that stand in the training rows, so that scores can be shown with and without them.

import type { EvaluationRow } from '../curate/contamination-index.js';
import { seenRows } from '../curate/seen.js';
import type { SeenRow } from '../curate/seen.js';
import { isEngineError } from '../errors.js';
import { count } from '../track/format.js';
import { learnedBy } from '../train/learned.js';
import type { Learned } from '../train/learned.js';
import type { Output } from './output.js';

export interface TrainedOnOptions {
  readonly adapter?: string;
  readonly trainedOn?: readonly string[];
}

/** Looks for evaluation rows; the result is by index, and undefined where training rows could not be read. */
export type FindSeen = (rows: Iterable<EvaluationRow> | AsyncIterable<EvaluationRow>) => Promise<ReadonlyMap<number, SeenRow> | undefined>;

const SHOWN = 20;

/** Undefined where nobody knows what the model learned from. */
export async function seenFinder(output: Output, { adapter, trainedOn }: TrainedOnOptions): Promise<FindSeen | undefined> {
  if (trainedOn?.includes('none')) return undefined;
  const learned: Learned | undefined = trainedOn !== undefined ? { sets: [{ files: trainedOn }] }
    : adapter === undefined ? undefined
    : await learnedBy(adapter).catch((error: unknown) => unknown(output, error));
  if (learned === undefined) return undefined;
  return async (rows) => {
    const { write, live } = output.terminal;
    try {
      return await seenRows(rows, learned.sets, {
        leftOut: learned.leftOut, onProgress: (read) => { if (live) write(`\r\u001b[2Klooking through training rows: ${count(read)}`); },
      });
    } catch (error) {
      if (trainedOn !== undefined) throw error;
      return unknown(output, error);
    } finally {
      if (live) write('\r\u001b[2K');
    }
  };
}

/** The run's own files may be gone: a score can still be given, and what is missing is said. */
function unknown(output: Output, error: unknown): undefined {
  if (!isEngineError(error)) throw error;
  output.say(`Whether these rows were learned from cannot be said: ${error.message}. Name the training rows with --trained-on, or say --trained-on none`);
  return undefined;
}

/** For --json. */
export function seenReport(seen: ReadonlyMap<number, SeenRow>): object {
  return { rows: seen.size, examples: [...seen.values()].slice(0, SHOWN) };
}

/** What rows outside of the training rows say. */
export function cleanLine(clean: { readonly rows: number; readonly loss: number; readonly perplexity: number; readonly accuracy: number } | undefined): readonly string[] {
  return clean === undefined ? [] : [`clean       loss ${clean.loss.toFixed(6)}, perplexity ${clean.perplexity.toFixed(4)}, accuracy ${(100 * clean.accuracy).toFixed(2)} % over the ${count(clean.rows)} other rows`];
}

/** For people: each pair of texts in two lines. */
export function seenLines(seen: ReadonlyMap<number, SeenRow>, rows: number): readonly string[] {
  if (seen.size === 0) return [];
  const short = (text: string): string => (text.length > 140 ? `${text.slice(0, 140)}…` : text).replaceAll(/\s+/g, ' ');
  return [
    '', `seen        ${count(seen.size)} of ${count(rows)} rows have text that stands in training rows`,
    ...[...seen.values()].slice(0, 3).flatMap(({ row, evaluation, training, words }) => [
      `  row ${row}, ${words} words in common with ${training.file}, row ${training.row}`, `    evaluation  ${short(evaluation)}`, `    training    ${short(training.text)}`,
    ]),
  ];
}
