// What a run says of the rows it reads: format, confidence, names of fields, and the first row with what is learned of it.
import { join } from 'node:path';
import type { RawRow } from '../../../lib/data/source.js';
import { detect } from '../../../lib/data/formats/format.js';
import { encodeRows } from '../../../lib/train/rows.js';
import { TextTokenizer } from '../../../lib/text/tokenizer.js';
import { detectedText, firstRowText } from '../../../lib/train/detected.js';
import type { Parts } from '../../../lib/train/open.js';
import { temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const raw = (value: object): RawRow => ({ value: value as RawRow['value'], file: 'a.jsonl', row: 1, index: 0, after: { file: 0, at: { offset: 0, row: 1 }, index: 1 } });

test('format, confidence, reason and which field is which', () => {
  expect(detectedText(detect([raw({ question: 'q', answer: 'a' })]))).toBe(
    'completion (confidence 75.0 %: all 1 rows looked at have "question", "answer", which are common names for a prompt and its completion; prompt = question, completion = answer)');
  expect(detectedText(detect([raw({ text: 'q' })]))).toBe('text (confidence 97.0 %: all 1 rows looked at have "text")');
});

test('each set is told with its rows, and the first row shows what is learned', async () => {
  const tokenizer = await TextTokenizer.load(join(__dirname, '../../../models/pebble'));
  const parts = { tokenizer, template: undefined, model: { spec: { vocabulary: 100_000 } } } as unknown as Parts;
  const [a, b] = [folder.write('a.jsonl', '{"prompt": "Two and\\ntwo?", "completion": " Four."}\n'), folder.write('b.jsonl', `{"text": "${'long '.repeat(80)}"}\n`)];
  const told: string[] = [];
  const rows = await encodeRows(parts, [{ files: a, name: 'sums' }, { files: b, name: 'talk' }], {
    onDetected: (set, { format }, found) => told.push(`${set} ${format} ${firstRowText(parts, found)}`),
  });
  rows.close();
  expect(told[0]).toMatch(/^sums completion "Two and two\?" → " Four\..*"$/);
  expect(told[1]).toMatch(/^talk text .*→ ".*long…"$/);
  expect(told[1]!.length).toBeLessThan(140);
});
