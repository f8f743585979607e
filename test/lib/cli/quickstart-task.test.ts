// The quickstart's rows, metric and baseline.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { naiveSpeller, readWords, score, soundsOf } from '../../../lib/cli/quickstart-task.js';
import type { Word } from '../../../lib/cli/quickstart-task.js';

const word = (letters: string, sounds: string): Word => ({
  prompt: `Word: ${[...letters].join(' ')}\nSounds:`, letters: [...letters], sounds: sounds.split(' '),
});

test('rows are read with their letters and sounds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-task-'));
  writeFileSync(join(folder, 'w.jsonl'), '{"prompt": "Word: c a t\\nSounds:", "completion": " K AE T"}\n');
  expect(await readWords(join(folder, 'w.jsonl'))).toEqual([word('cat', 'K AE T')]);
  rmSync(folder, { recursive: true });
});

test('an answer is its first line', () => {
  expect(soundsOf(' K AE T\nWord: d o g')).toEqual(['K', 'AE', 'T']);
  expect(soundsOf('')).toEqual([]);
});

test('the naive speller finds letters of no, one and two sounds', () => {
  const says: Readonly<Record<string, string[]>> = { a: ['AE'], b: ['B'], c: ['K'], d: ['D'], h: [], x: ['K', 'S'] };
  const spoken = (letters: string): Word => word(letters, [...letters].flatMap((letter) => says[letter]!).join(' '));
  const training = ['bad', 'cab', 'dab', 'ax', 'bax', 'hab', 'dah', 'cad', 'bahd', 'xab', 'abba', 'dada', 'chad', 'dax', 'ahb'].map(spoken);
  const naive = naiveSpeller(training);
  expect(naive(spoken('hax'))).toEqual(['AE', 'K', 'S']);
  const words = [spoken('xh'), word('dab', 'D EY B')];
  expect(score(words, words.map(naive))).toEqual({ rate: 1 / 5, exact: 1 / 2, pairs: 2 });
});

test('on the embedded rows it is as good as their page says', async () => {
  const [training, words] = await Promise.all(['train', 'test'].map((name) => readWords(join(__dirname, `../../../data/quickstart/${name}.jsonl`))));
  const { rate, exact } = score(words!, words!.map(naiveSpeller(training!)));
  expect([rate.toFixed(3), exact.toFixed(3)]).toEqual(['0.407', '0.061']);
});
