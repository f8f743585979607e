// The train probe, validation rows that training contains, and slices: what is looked at before and beside a run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sequence } from '../../../lib/batch.js';
import type { SequenceSet } from '../../../lib/pack/plan.js';
import { contentHash, Smallest } from '../../../lib/train/probe.js';
import { sliceRows } from '../../../lib/train/slices.js';
import { survey } from '../../../lib/train/survey.js';
import { generator } from '../../support/tiny-model.js';

function sequence(tokens: readonly number[], row: number): Sequence {
  return { tokens: Int32Array.from(tokens), labels: Int32Array.from(tokens, (_, t) => tokens[t + 1] ?? -1), row };
}

function setOf(rows: readonly (readonly number[])[]): SequenceSet {
  return { length: rows.length, lengthOf: (i) => rows[i]!.length, get: (i) => sequence(rows[i]!, i) };
}

const random = generator(8);
const draw = (count: number, length: number): number[][] =>
  Array.from({ length: count }, () => Array.from({ length }, () => Math.floor(4000 * random())));

test('the probe is as large as the validation set, and the same rows in whatever order they come', async () => {
  const rows = draw(200, 12);
  const valid = setOf(draw(30, 12));
  const [one, other] = [await survey(setOf(rows), valid, 7), await survey(setOf(rows.toReversed()), valid, 7)];
  const texts = (probe: typeof one.probe): string[] => Array.from({ length: probe.length }, (_, i) => probe.get(i).tokens.join()).sort();
  expect(one.probe.length).toBe(30);
  expect(texts(other.probe)).toEqual(texts(one.probe));
  expect(texts((await survey(setOf(rows), valid, 8)).probe)).not.toEqual(texts(one.probe));
  expect([...one.probe.indices]).toEqual([...one.probe.indices].sort((a, b) => a - b));
  expect((await survey(setOf(rows.slice(0, 9)), valid, 7)).probe.length).toBe(9);
});

test('a row that is there often is drawn once', async () => {
  const rows = [...draw(10, 8), ...Array.from({ length: 90 }, () => [1, 2, 3, 4, 5, 6, 7, 8])];
  const { probe } = await survey(setOf(rows), setOf(draw(60, 8)), 3);
  expect(probe.length).toBe(11);
});

test('hashes tell apart what is learned of the same tokens', () => {
  const row = sequence([5, 6, 7], 0);
  expect(contentHash(row, 1)).not.toBe(contentHash({ ...row, labels: Int32Array.of(-1, 7, -1) }, 1));
  expect(contentHash(row, 1)).not.toBe(contentHash(row, 2));
  const hashes = draw(20_000, 4).map((tokens) => contentHash(sequence(tokens, 0), 0));
  expect(new Set(hashes).size).toBe(20_000);
});

test('the smallest keys are kept', () => {
  const keys = Array.from({ length: 500 }, (_, i) => (i * 7919) % 1009);
  const smallest = new Smallest(20);
  keys.forEach((key, i) => smallest.offer(key, i));
  const expected = keys.map((key, i) => ({ key, i })).sort((a, b) => a.key - b.key).slice(0, 20).map(({ i }) => i).sort((a, b) => a - b);
  expect([...smallest.indices()]).toEqual(expected);
});

test('the same rows and nearly the same rows are found; what all rows share is not', async () => {
  const template = [900, 901, 902, 903, 904, 905, 906, 907, 908, 909, 910, 911];
  const body = draw(340, 30);
  const rows = body.slice(0, 300).map((tokens) => [...template, ...tokens]);
  const near = rows.slice(0, 6).map((tokens) => tokens.map((token, t) => (t === 39 ? 3999 : token)));
  const valid = [...rows.slice(10, 14), ...near, ...body.slice(300).map((tokens) => [...template, ...tokens])];
  const { overlap } = await survey(setOf(rows), setOf(valid), 1);
  expect(overlap).toMatchObject({ rows: 50, same: 4, near: 6 });
  expect(overlap.examples.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect((await survey(setOf(rows), setOf(valid.slice(10)), 1)).overlap).toMatchObject({ rows: 40, same: 0, near: 0 });
});

test('slices: each file, each value of a field, values that are missing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-slices-'));
  const files = ['a.jsonl', 'b.jsonl'].map((name) => join(folder, name));
  writeFileSync(files[0]!, '{"text":"1","topic":"sea"}\n{"text":"2","topic":"land"}\n');
  writeFileSync(files[1]!, '{"text":"3"}\n{"text":"4","topic":"sea"}\n');
  const named = async (options: Parameters<typeof sliceRows>[1], names = files) => {
    const slicing = await sliceRows(names, options);
    return slicing && [0, 1, 2, 3].map((row) => slicing.of(row).map((number) => slicing.names[number]));
  };
  expect(await named({})).toEqual([['a.jsonl'], ['a.jsonl'], ['b.jsonl'], ['b.jsonl']]);
  expect(await named({ by: 'topic' })).toEqual(
    [['a.jsonl', 'topic = sea'], ['a.jsonl', 'topic = land'], ['b.jsonl', 'topic = (no value)'], ['b.jsonl', 'topic = sea']]);
  expect(await named({}, files.slice(0, 1))).toBeUndefined();
  writeFileSync(files[0]!, Array.from({ length: 60 }, (_, i) => `{"text":"x","topic":${i}}\n`).join(''));
  const many = await sliceRows(files[0]!, { by: 'topic' });
  expect([many!.names.length, many!.names.at(-1), many!.of(59)]).toEqual([41, 'topic = (other values)', [40]]);
  rmSync(folder, { recursive: true });
});
