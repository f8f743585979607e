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

test('the naive speller gives each letter its usual piece of 0 to 2 sounds', () => {
  const training = [word('cat', 'K AE T'), word('tab', 'T AE B'), word('act', 'AE K T'), word('axe', 'AE K S'), word('tax', 'T AE K S'), word('wax', 'W AE K S'), word('max', 'M AE K S'),
    word('bathe', 'B EY DH'), word('make', 'M EY K'), word('ate', 'EY T'), word('cake', 'K EY K'), word('abe', 'EY B')];
  const naive = naiveSpeller(training);
  expect(naive(word('tax', ''))).toEqual(['T', 'AE', 'K', 'S']); // x gives two sounds, e none
  expect(naive(word('tee', ''))).toEqual(['T']);
  const words = [word('bat', 'B AE T'), word('ate', 'EY T')];
  expect(score(words, [['B', 'AE', 'T'], ['EY']])).toEqual({ rate: 1 / 5, exact: 1 / 2, pairs: 2 });
});

test('on the embedded rows it is as good as their page says', async () => {
  const [training, words] = await Promise.all(['train', 'test'].map((name) => readWords(join(__dirname, `../../../data/quickstart/${name}.jsonl`))));
  const { rate, exact } = score(words!, words!.map(naiveSpeller(training!)));
  expect([rate.toFixed(3), exact.toFixed(3)]).toEqual(['0.407', '0.061']);
});
