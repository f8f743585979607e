// What C4's filter leaves of a text, against datatrove's own output; golden/make_c4_lines.py makes the file.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { c4Lines } from '../../../lib/curate/c4-lines.js';
import { clean } from '../../../lib/curate/clean.js';
import { curateConfig } from '../../../lib/curate/curate-config.js';
import { undoClean } from '../../../lib/curate/undo.js';

const golden = join(__dirname, 'golden');
const { documents } = JSON.parse(brotliDecompressSync(readFileSync(join(golden, 'quality.json.br'))).toString()) as { documents: string[] };
const left = JSON.parse(readFileSync(join(golden, 'c4-lines.json'), 'utf8')) as Record<string, string>;

test('every text that is kept is left as datatrove leaves it', () => {
  const rows = Object.entries(left);
  expect(rows.length).toBeGreaterThan(500);
  const wrong = rows.filter(([row, hash]) => createHash('sha256').update(c4Lines(documents[Number(row)]!)).digest('hex').slice(0, 16) !== hash);
  expect(wrong).toEqual([]);
  expect(rows.filter(([row]) => c4Lines(documents[Number(row)]!) !== documents[Number(row)]).length).toBeGreaterThan(400);
});

test('lines by hand', () => {
  expect(c4Lines([
    'The first line stays.', 'A heading without an end', 'Please enable JavaScript to read this.', 'By reading you accept our cookie policy.',
    'Two words.', `One ${'long'.repeat(300)} word is here.`, 'Cited as is right[12] and good[citation needed].', '  And "this" too, he said."  ', 'It goes on and on...',
  ].join('\r\n'))).toBe('The first line stays.\nCited as is right and good.\nAnd "this" too, he said."');
  expect(c4Lines('One two.\nOne two three.', { minWordsInLine: 2 })).toBe('One two.\nOne two three.');
});

test('data clean leaves those lines, judges what is left, keeps the rest of the row, and gives the rows back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'c4-'));
  try {
    const sentences = (n: number): string => Array.from({ length: 5 }, (_, i) => `This is sentence ${i} of page ${n}, and it has an end.`).join('\n');
    const line = (text: string): string => `{"n": 1.0, "other": ${JSON.stringify(text)},  "text" : ${JSON.stringify(text)}}\n`;
    const rows = [line(`Menu Home About\n${sentences(1)}`), line(sentences(2)), line(`Another Menu\n${sentences(2)}\nWe use cookies here.`), line('Only this.'), line(`Mail\nWrite to anna.weber@web.de for more.\n${sentences(3)}`)];
    const file = join(folder, 'pages.jsonl');
    writeFileSync(file, rows.join(''));
    const output = join(folder, 'out');
    const report = await clean([file], curateConfig({ lines: 'c4', near: false, keep: 'first', pii: {} }), { output });
    expect(report).toMatchObject({ kept: 3, changed: 2, changedBy: { 'c4-lines': 2, pii: 1 }, reasons: { 'exact-duplicates: same text': 1, 'c4: too_few_sentences': 1 }, config: { quality: ['c4'] } });
    const kept = readFileSync(join(output, 'clean.jsonl'), 'utf8').split('\n');
    expect(kept[0]).toBe(`{"n": 1.0, "other": ${JSON.stringify(`Menu Home About\n${sentences(1)}`)},  "text" : ${JSON.stringify(sentences(1))}}`);
    expect(kept[1]).toBe(rows[1]!.trim());
    expect((JSON.parse(kept[2]!) as { text: string }).text).toMatch(/^Write to \S*EMAIL\S* for more\.\nThis is/i);
    expect((await undoClean(output, { steps: ['c4-lines'], to: join(folder, 'a') })).putBack).toBe(2);
    expect(readFileSync(join(folder, 'a', 'pages.jsonl'), 'utf8')).toBe([rows[0], rows[1], rows[4]].join(''));
    expect((await undoClean(output)).files[0]).toMatchObject({ rows: 5, identical: true });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
