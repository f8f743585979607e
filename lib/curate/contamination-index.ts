// Opens evaluation sets for decontamination: every row of the files that are named, and what many training rows say.
import { openRecords } from '../data/records.js';
import type { RecordOptions } from '../data/records.js';
import type { TextOptions } from '../data/row.js';
import { openSource } from '../data/source.js';
import type { DataRecord } from '../record.js';
import { Decontaminator } from './decontaminate.js';
import type { DecontaminationOptions, EvaluationText } from './decontaminate.js';
import { answerText, promptText, recordText } from './record-text.js';

/** How rows of files are read. */
export type SetReading = Pick<RecordOptions, 'format' | 'fields' | 'roles'> & TextOptions;

export interface EvaluationSet {
  readonly files: readonly string[];
  readonly reading?: SetReading;
}

/** Training rows that are looked at for what many of them say. */
export const LEARNED_FROM = 2000;

/** An index over all rows of the sets. Bad rows are left out. */
export async function contaminationIndex(sets: readonly (string | EvaluationSet)[], options: DecontaminationOptions = {}): Promise<Decontaminator> {
  const index = new Decontaminator(options);
  for (const set of sets) {
    for await (const row of evaluationRows(typeof set === 'string' ? { files: [set] } : set)) index.add(row);
  }
  return index;
}

/** A row of an evaluation set with its index over all files. */
export interface EvaluationRow extends EvaluationText {
  readonly index: number;
}

/** What of each row must not be among training rows: its prompt; of a plain text all. */
export async function* evaluationRows({ files, reading = {} }: EvaluationSet): AsyncGenerator<EvaluationRow> {
  const lenient = { ...reading, onBad: () => undefined };
  for await (const record of await openRecords(await openSource(files, lenient), lenient)) yield evaluationRow(record);
}

export function evaluationRow(record: DataRecord): EvaluationRow {
  const prompt = promptText(record);
  return { set: record.file, row: record.row, index: record.index, text: prompt === '' ? answerText(record) : prompt };
}

/** The first rows of each file say what its rows have in common. */
export async function learnCommonOf(index: { learnCommon(texts: readonly string[]): void }, files: readonly string[], reading: SetReading = {}): Promise<void> {
  const lenient = { ...reading, onBad: () => undefined };
  for (const file of files) {
    const source = await openSource(file, lenient);
    if ((await source.first(1)).length === 0) continue;
    const texts: string[] = [];
    for await (const record of await openRecords(source, lenient)) {
      if (texts.push(recordText(record)) >= LEARNED_FROM) break;
    }
    index.learnCommon(texts);
  }
}
