// Losses of single rows: groups in their spread, records through files, forgetting, and likely mislabels with their place.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgettingEvents, passes, rowHistories, RowRecorder } from '../../../lib/train/dynamics.js';
import { reportRows, showsMislabels } from '../../../lib/train/row-report.js';
import { Spread } from '../../../lib/train/spread.js';
import { generator } from '../../support/tiny-model.js';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'whetstone-rows-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Normal numbers. */
function normal(seed: number): () => number {
  const random = generator(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

test('one group is not taken for two, two are found with their share', () => {
  const draw = normal(2);
  const [one, two] = [new Spread(), new Spread()];
  for (let i = 0; i < 2000; i++) {
    one.add(0.8 * Math.exp(0.5 * draw()));
    two.add(i % 5 === 0 ? 3 * Math.exp(0.2 * draw()) : 0.6 * Math.exp(0.35 * draw()));
  }
  expect(showsMislabels(one.result())).toBe(false);
  const found = two.result()!;
  expect(showsMislabels(found)).toBe(true);
  expect(found.share).toBeCloseTo(0.2, 1);
  expect(found.low).toBeCloseTo(0.6, 1);
  expect(found.high).toBeCloseTo(3, 0);
  expect(found.quantiles[2]).toBeGreaterThan(0.6);
  expect(new Spread().result()).toBeUndefined();
});

const row = (index: number, loss: number, right: number) => ({ row: index, loss: 4 * loss, weight: 4, tokens: 4, right });

async function record(count: number, steps: readonly number[], loss: (index: number, step: number) => number, right = (_index: number, _step: number): number => 2) {
  const recorder = await RowRecorder.open(join(folder, 'rows'), 0);
  for (const step of steps) for (let i = 0; i < count; i++) recorder.add(row(2 * i, loss(i, step), right(i, step)), step);
  recorder.close();
}

test('what was recorded is read again, row by row, however many there are', async () => {
  await record(5000, [0, 10, 20], (i, step) => i + step);
  const found: string[] = [];
  for await (const { row: index, losses, right } of rowHistories(join(folder, 'rows'))) found.push([index, ...losses, ...right].join());
  expect(found).toEqual(Array.from({ length: 5000 }, (_, i) => [2 * i, i, i + 10, i + 20, 0.5, 0.5, 0.5].join()));
});

test('a resumed run drops the passes that come after its checkpoint, a new one all', async () => {
  await record(3, [0, 10, 20], () => 1);
  await RowRecorder.open(join(folder, 'rows'), 10);
  expect(passes(join(folder, 'rows')).map(({ step }) => step)).toEqual([0, 10]);
  await RowRecorder.open(join(folder, 'rows'), 0);
  expect(passes(join(folder, 'rows'))).toEqual([]);
});

test('forgetting is having been all right, and not being so at the next look', () => {
  expect(forgettingEvents([0.5, 1, 1, 0.9, 1, 0.2])).toBe(2);
  expect(forgettingEvents([0, 0.5, 1])).toBe(0);
});

test('likely mislabels come with file, line and content, worst first', async () => {
  const wrong = new Set([7, 20, 33, 46, 59, 72, 85, 98]);
  const data = join(folder, 'train.jsonl');
  writeFileSync(data, Array.from({ length: 240 }, (_, i) => `${JSON.stringify({ prompt: `q${i}`, completion: `a${i}` })}\n`).join(''));
  const draw = normal(9);
  const noise = Array.from({ length: 120 }, () => draw());
  await record(120, [0, 10, 20], (i, step) => (step === 0 ? 5 : (wrong.has(i) ? 3 + i / 100 : 0.5) * Math.exp(0.25 * noise[i]! - 0.01 * step)), (i, step) => (i % 3 === 0 && step === 10 ? 4 : 2));
  const report = await reportRows(join(folder, 'rows'), folder, data, {});
  expect(report).toMatchObject({ rows: 120, passes: 3, mislabels: 8, forgotten: 40, forgetful: 40 });
  const found = readFileSync(join(folder, 'mislabels.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { row: number; file: string; line: number; content: unknown; level: number });
  expect(found.map(({ row: one }) => (one - 1) / 2).sort((a, b) => a - b)).toEqual([...wrong]);
  expect(found[0]).toMatchObject({ file: data, line: found[0]!.row, content: { prompt: `q${found[0]!.row - 1}` } });
  expect(found.map(({ level }) => level)).toEqual(found.map(({ level }) => level).sort((a, b) => b - a));
  const lines = readFileSync(join(folder, 'rows.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as object);
  expect(lines).toHaveLength(120);
  expect(lines[3]).toMatchObject({ row: 7, losses: [5, expect.any(Number), expect.any(Number)], right: [0.5, 1, 0.5], forgotten: 1, suspect: false });
});

test('nothing recorded, nothing reported', async () => {
  expect(await reportRows(join(folder, 'none'), folder, 'x.jsonl', {})).toBeUndefined();
});
