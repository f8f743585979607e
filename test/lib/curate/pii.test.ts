// Personal data and secrets: F1 on the labelled set of golden/make-pii.py, pseudonyms, and single rules.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PII_KINDS, findPii } from '../../../lib/curate/pii/detect.js';
import type { PiiKind } from '../../../lib/curate/pii/detect.js';
import { Pseudonyms } from '../../../lib/curate/pii/pseudonyms.js';

interface Labelled {
  readonly text: string;
  readonly spans: readonly (readonly [number, number, PiiKind])[];
}

const set = readFileSync(join(__dirname, 'golden', 'pii.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Labelled);

test('the labelled set: F1 of exact spans of at least 0.95, in all and of every kind', () => {
  expect(set.length).toBeGreaterThanOrEqual(500);
  expect(set.filter(({ spans }) => spans.length === 0).length).toBeGreaterThan(200);
  const counts = new Map<string, { right: number; found: number; labelled: number }>();
  const wrong: string[] = [];
  for (const { text, spans } of set) {
    const labelled = spans.map((span) => span.join());
    const found = findPii(text).map(({ start, end, kind }) => [start, end, kind].join());
    for (const kind of [...PII_KINDS, 'all']) {
      const of = (list: readonly string[]): readonly string[] => list.filter((span) => kind === 'all' || span.endsWith(`,${kind}`));
      const count = counts.get(kind) ?? { right: 0, found: 0, labelled: 0 };
      count.right += of(found).filter((span) => labelled.includes(span)).length;
      count.found += of(found).length;
      count.labelled += of(labelled).length;
      counts.set(kind, count);
    }
    if (found.join(' ') !== labelled.join(' ')) wrong.push(`${text} | found ${found.join(' ')} | labelled ${labelled.join(' ')}`);
  }
  const f1 = Object.fromEntries([...counts].map(([kind, { right, found, labelled }]) => [kind, (2 * right) / (found + labelled)]));
  if (process.env['SHOW_WRONG']) console.log(f1, wrong.join('\n'));
  for (const kind of [...PII_KINDS, 'all']) expect([kind, f1[kind]! >= 0.95, wrong.slice(0, 20)]).toEqual([kind, true, wrong.slice(0, 20)]);
});

test('the same value gets the same pseudonym through a conversation, others get others', () => {
  const names = new Pseudonyms();
  const row = { messages: [
    { role: 'user', content: 'I am Anna.Weber@web.de and he is bob@gmail.com, call +49 30 1234567.' },
    { role: 'assistant', content: 'Thanks anna.weber@web.de, I will call +49-30-1234567.' },
  ], weight: 2 };
  expect(names.replaceIn(row)).toEqual({ messages: [
    { role: 'user', content: 'I am <EMAIL_1> and he is <EMAIL_2>, call <PHONE_1>.' },
    { role: 'assistant', content: 'Thanks <EMAIL_1>, I will call <PHONE_1>.' },
  ], weight: 2 });
  expect([...names.counts]).toEqual([['email', 2], ['phone', 1]]);
});

test('realistic pseudonyms are not found again', () => {
  const names = new Pseudonyms('realistic');
  const { text, spans } = names.replace('Write to anna@web.de from 8.8.8.8, card 4111 1111 1111 1111, IBAN GB82 WEST 1234 5698 7654 32.');
  expect(spans.map(({ kind }) => kind)).toEqual(['email', 'ip', 'card', 'iban']);
  expect(findPii(text)).toEqual([]);
});

test('only the kinds that were asked for', () => {
  expect(findPii('anna@web.de 8.8.8.8', ['ip']).map(({ value }) => value)).toEqual(['8.8.8.8']);
});

test('a long hostile text takes no time to speak of', () => {
  for (const text of ['1-'.repeat(50_000), 'a@'.repeat(50_000), '1.'.repeat(50_000), 'a:'.repeat(50_000), '0 '.repeat(50_000), 'token='.repeat(20_000), 'A1'.repeat(50_000), 'x://y:'.repeat(20_000)]) {
    const began = performance.now();
    findPii(text);
    expect(performance.now() - began).toBeLessThan(3000);
  }
});
