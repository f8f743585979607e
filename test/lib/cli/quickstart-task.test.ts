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

test('the naive speller says the usual sound of each letter, and fails where letters and sounds differ in number', () => {
  const training = [word('cat', 'K AE T'), word('tab', 'T AE B'), word('act', 'AE K T'), word('ate', 'EY T'), word('bat', 'B AA T')];
  const naive = naiveSpeller(training);
  expect(naive(word('bat', ''))).toEqual(['B', 'AE', 'T']);
  expect(naive(word('ezt', ''))).toEqual(['T']);
  const words = [word('cab', 'K AE B'), word('ate', 'EY T')];
  expect(score(words, words.map(naive))).toEqual({ rate: 1 / 5, exact: 1 / 2, pairs: 2 });
});
