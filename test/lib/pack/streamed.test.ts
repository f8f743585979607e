// Rows read and tokenised when they are asked for: the sequences of a set that was encoded at once, bad rows passed over,
// and batches that go on exactly from a cursor.
import { join } from 'node:path';
import type { BadRow } from '../../../lib/data/bad-rows.js';
import { openRecords } from '../../../lib/data/records.js';
import { RowIndex } from '../../../lib/data/row-index.js';
import { openSource } from '../../../lib/data/source.js';
import { openDataset } from '../../../lib/pack/dataset.js';
import { MixPlan, type MixCursor, type MixedBatch } from '../../../lib/pack/mix-plan.js';
import { streamedSource } from '../../../lib/pack/streamed.js';
import { RecordEncoder } from '../../../lib/text/encode.js';
import { TextTokenizer } from '../../../lib/text/tokenizer.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const pebble = TextTokenizer.load(join(__dirname, '../../../models/pebble'));
const lines = Array.from({ length: 120 }, (_, i) => (i % 40 === 7 ? 'broken' : JSON.stringify({ prompt: `Say ${i}:`, completion: ' word'.repeat(1 + i % 9), weight: 1 + i % 2 })));

async function open(file: string, splitAt?: number) {
  const bad: BadRow[] = [];
  const onBad = (one: BadRow) => void bad.push(one);
  const source = await openSource(file, { onBad });
  const records = await openRecords(source, { onBad: () => undefined });
  const index = await RowIndex.open(source.files, { folder: `${folder.path}/index` });
  const encoder = new RecordEncoder(await pebble, undefined, {});
  try {
    return { bad, index, source: streamedSource({ name: 'rows', index, records, encoder, onBad, ...(splitAt === undefined ? {} : { splitAt }) }) };
  } catch (error) {
    await index.close();
    throw error;
  }
}

test('rows give the sequences of a set that was encoded at once, and bad ones none', async () => {
  const file = folder.write('rows.jsonl', lines.join('\n'));
  const { set } = await openDataset(file, { tokenizer: await pebble, cache: false, workers: 0, badRows: 'keep-aside' });
  const { bad, index, source } = await open(file);
  expect([source.length, set.length]).toEqual([120, 117]);
  const loaded = await source.load(Array.from({ length: 120 }, (_, i) => i));
  expect(loaded.map((sequences) => sequences.length)).toEqual(lines.map((line) => (line === 'broken' ? 0 : 1)));
  const plain = ({ tokens, labels, weights }: { tokens: Int32Array; labels: Int32Array; weights?: Float32Array }) =>
    [[...tokens], [...labels], [...labels].map((label, t) => (label === -1 ? 0 : weights?.[t] ?? 1))];
  expect(loaded.flat().map(plain)).toEqual([...set].map(plain));
  expect(bad.map(({ row }) => row)).toEqual([8, 48, 88]);
  await index.close();
});

test('long text is cut into pieces without losing a label', async () => {
  const file = folder.write('text.jsonl', JSON.stringify({ text: 'one two three '.repeat(50) }));
  const { index, source } = await open(file, 16);
  const pieces = (await source.load([0]))[0]!;
  const whole = new RecordEncoder(await pebble, undefined, {}).encode({ kind: 'text', text: 'one two three '.repeat(50), file, row: 1, index: 0 }).sequence!;
  expect(pieces.every(({ tokens }) => tokens.length <= 16)).toBe(true);
  expect(pieces.flatMap(({ tokens }) => [...tokens])).toEqual([...whole.tokens]);
  expect(pieces.flatMap(({ labels }) => [...labels])).toEqual([...whole.labels]);
  await index.close();
});

test('batches go on exactly from the cursor of a checkpoint, read anew', async () => {
  const file = folder.write('rows.jsonl', lines.join('\n'));
  const take = async (count: number, from?: MixCursor): Promise<MixedBatch[]> => {
    const { index, source } = await open(file);
    const found: MixedBatch[] = [];
    for await (const one of new MixPlan([source], { mode: 'union', batchTokens: 64, seed: 1 }).batches(from)) if (found.push(one) === count) break;
    await index.close();
    return found;
  };
  const all = await take(60);
  const tokens = (batches: readonly MixedBatch[]) => batches.map(({ batch }) => [...batch.tokens]);
  for (const at of [0, 14, 33]) expect(tokens(await take(10, JSON.parse(JSON.stringify(all[at]!.after)) as MixCursor))).toEqual(tokens(all.slice(at + 1, at + 11)));
});

test('rows that belong together cannot be streamed', async () => {
  const file = folder.write('trees.jsonl', JSON.stringify({ prompt: { role: 'prompter', text: 'q', replies: [{ role: 'assistant', text: 'a', rank: 0 }] } }));
  expect((await rejection(open(file))).message).toMatch(/rows that stand alone, came oasst/);
});
