// What data check says of rows that fit: histograms, sources, tokens, what prompts ask for, self-BLEU; and budgets of tokens.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { curateConfig } from '../../../lib/curate/curate-config.js';
import { DiversityMeter } from '../../../lib/curate/diversity.js';
import { examine } from '../../../lib/curate/examine.js';
import { Figures } from '../../../lib/curate/figures.js';
import { askedFor } from '../../../lib/curate/verb-noun.js';
import type { DataRecord } from '../../../lib/record.js';
import { selfBleu } from '../../../lib/score/index.js';
import { temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const record = (prompt: string, completion: string): DataRecord => ({ file: 'a', row: 1, index: 0, kind: 'completion', prompt, completion });

test.each([
  ['Write a short story about two cats.', 'write story'], ['Give me three tips for staying healthy.', 'give tip'],
  ['You are a helpful assistant.\nCan you please summarize the following article in one line?', 'summarize article'],
  ['What is the capital of France?', 'what capital'], ['She had 5 eggs. How many boxes did she buy?', 'how box'], ['Come up with five names for a bakery', 'suggest name'],
  ["Let's design a database schema for a shop", 'design schema'], ['Translate this sentence into French: hello', 'translate sentence'],
])('%s asks for: %s', (prompt, task) => {
  const { verb, noun } = askedFor(prompt)!;
  expect(`${verb} ${noun}`).toBe(task);
});

test('what asks for nothing has no task', () => {
  expect([askedFor('The sky is blue.'), askedFor(''), askedFor('日本語の文です。')]).toEqual([undefined, undefined, undefined]);
});

test('self-BLEU of a sample is that of lib/score, which is sacreBLEU\'s; tasks are counted', () => {
  const texts = Array.from({ length: 30 }, (_, i) => `Write a story about animal ${i % 7}.\nOnce there was number ${i}, and it slept all day long.`);
  const meter = new DiversityMeter();
  for (const text of texts) meter.add(text, text.split('\n')[0]);
  const result = meter.result();
  expect(result.selfBleu).toEqual({ score: selfBleu(texts), rows: 30 });
  expect(result.tasks).toEqual({ prompts: 30, found: 30, kinds: 1, most: [{ verb: 'write', noun: 'story', rows: 30 }] });
  expect(new DiversityMeter().result().selfBleu).toBeUndefined();
});

test('histograms hold every row once, whatever the lengths are', () => {
  for (const lengths of [[3], [5, 5, 6], [1, 2, 4000, 9, 70, 65], Array.from({ length: 500 }, (_, i) => 100 + i), [0, 10_000]]) {
    const figures = new Figures();
    for (const [i, length] of lengths.entries()) figures.add(record('', 'x'.repeat(length)), i % 3 === 0 ? { source: 'web' } : {}, '/data/a.jsonl', 0);
    const { lengths: { rows, tokens }, sources } = figures.result();
    expect(rows!.counts.reduce((a, b) => a + b, 0)).toBe(lengths.length);
    expect(rows!.edges.length).toBe(rows!.counts.length + 1);
    expect([rows!.edges[0]! <= rows!.least, rows!.edges.at(-1)! >= rows!.most, tokens]).toEqual([true, true, undefined]);
    expect(sources.reduce((sum, { rows: n }) => sum + n, 0)).toBe(lengths.length);
  }
});

test('limits and budgets of tokens, by the tokenizer of a model', async () => {
  const file = join(folder.path, 'rows.jsonl');
  writeFileSync(file, Array.from({ length: 20 }, (_, i) => `${JSON.stringify({ prompt: `What is number ${i}?`, completion: `It is ${'very '.repeat(i)}large.` })}\n`).join(''));
  const tokenizer = join(__dirname, '../../../models/pebble');
  const config = curateConfig({ near: false, tokenizer, length: { maxTokens: 24 }, budget: { tokens: 60 } });
  const { decisions, figures } = await examine([file], config, { measure: true });
  const { tokens } = decisions.columns;
  const kept = Array.from({ length: 20 }, (_, row) => row).filter((row) => decisions.isKept(row));
  expect(kept.reduce((sum, row) => sum + tokens[row]!, 0)).toBeLessThanOrEqual(60);
  expect(kept.length).toBeGreaterThan(1);
  for (let row = 0; row < 20; row++) expect(decisions.reasonOf(row).startsWith('length')).toBe(tokens[row]! > 24);
  expect(figures!.lengths.tokens!.most).toBeLessThanOrEqual(24);
  expect(() => curateConfig({ budget: { tokens: 5 } })).toThrow(/tokenizer: expected a model/);
});
