// Which evaluation rows a model has seen in training: decontamination the other way round, for scores with and without them.
import { openRecords } from '../data/records.js';
import { openSource } from '../data/source.js';
import { learnCommonOf } from './contamination-index.js';
import type { EvaluationRow, EvaluationSet } from './contamination-index.js';
import { Decontaminator } from './decontaminate.js';
import type { Contamination, DecontaminationOptions } from './decontaminate.js';
import { recordText } from './record-text.js';

export interface SeenRow extends Contamination {
  /** The training row, and all it says. */
  readonly training: { readonly file: string; readonly row: number; readonly text: string };
}

export interface SeenOptions extends DecontaminationOptions {
  /** Training rows that the run left out, so nothing in them was seen. */
  readonly leftOut?: ((text: string) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each batch of a training set: its rows so far. */
  readonly onProgress?: ((rows: number) => void) | undefined;
}

/** Evaluation rows whose text stands in a training row, by their index, each with the row that holds most of it. */
export async function seenRows(
  evaluation: Iterable<EvaluationRow> | AsyncIterable<EvaluationRow>, training: readonly EvaluationSet[], options: SeenOptions = {},
): Promise<ReadonlyMap<number, SeenRow>> {
  const { leftOut, signal, onProgress } = options;
  const index = new Decontaminator(options);
  const rows: EvaluationRow[] = [];
  for await (const row of evaluation) index.add({ ...row, row: rows.push(row) - 1 });
  const seen = new Map<number, SeenRow>();
  for (const { files, reading = {} } of training) {
    const lenient = { ...reading, onBad: () => undefined };
    const source = await openSource(files, lenient);
    await learnCommonOf(index, source.files, reading);
    for await (const { records, after } of (await openRecords(source, lenient)).batches(undefined, signal)) {
      for (const record of records) {
        const text = recordText(record);
        const hits = index.hits(text);
        if (hits.length === 0 || leftOut?.(text) === true) continue;
        for (const hit of hits) {
          const { row, index: key } = rows[hit.row]!;
          if ((seen.get(key)?.words ?? 0) < hit.words) seen.set(key, { ...hit, row, training: { file: record.file, row: record.row, text } });
        }
      }
      onProgress?.(after.index);
    }
  }
  return seen;
}
