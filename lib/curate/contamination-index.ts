// Opens evaluation sets for decontamination: every row of the files that are named.
import { openRecords } from '../data/records.js';
import { openSource } from '../data/source.js';
import { Decontaminator } from './decontaminate.js';
import type { DecontaminationOptions } from './decontaminate.js';
import { answerText, promptText } from './record-text.js';

/** An index over all rows of the files: the prompt is what must not be seen; a plain text counts whole. */
export async function contaminationIndex(files: readonly string[], options: DecontaminationOptions = {}): Promise<Decontaminator> {
  const index = new Decontaminator(options);
  for (const name of files) {
    const source = await openSource(name);
    for await (const record of await openRecords(source)) {
      const prompt = promptText(record);
      index.add({ set: record.file, row: record.row, text: prompt === '' ? answerText(record) : prompt });
    }
  }
  return index;
}
