// Validation rows held out of the training rows by the configuration: nothing straddles, a second look uses what is
// there, changes split anew, and what cannot be meant is refused.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkConfig } from '../../../lib/train/config/parse.js';
import type { ConfigInput } from '../../../lib/train/config/schema.js';
import { splitOwnRows } from '../../../lib/train/own-split.js';
import { train } from '../../../lib/train/train.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-own-'));
  file = join(folder, 'rows.jsonl');
  writeFileSync(file, Array.from({ length: 80 }, (_, i) =>
    `${JSON.stringify({ prompt: `a question of some length about number ${i % 40}`, completion: ` answer ${i}`, user_id: `u${i % 40}` })}\n`).join(''));
});
afterEach(() => rmSync(folder, { recursive: true }));

const config = (data: Partial<ConfigInput['data']> = {}, rest: object = {}) => checkConfig({
  model: join(__dirname, '../../../models/pebble'), output: join(folder, 'run'), device: 'cpu', threads: 1,
  data: { train: file, validation: { split: 0.25, near: 'none' }, ...data }, ...rest,
});
const warnings: string[] = [];
const options = { signal: new AbortController().signal, onProgress: () => undefined, warn: (message: string) => warnings.push(message) };
const rows = (name: unknown) => readFileSync(String(name), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { user_id: string; completion: string });

test('the parts lie in the run\'s folder, and no user is in both', async () => {
  const { data } = await splitOwnRows(config(), options);
  const [training, held] = [rows(data.train), rows(data.valid)];
  expect(training.length + held.length).toBe(80);
  expect(held.length).toBeGreaterThan(4);
  const users = new Set(training.map(({ user_id: user }) => user));
  expect(held.filter(({ user_id: user }) => users.has(user))).toEqual([]);
  expect(data.validation).toBeUndefined();
});

test('a second look uses what is there; another seed, changed rows or a damaged part split anew', async () => {
  const { data } = await splitOwnRows(config(), options);
  const stamp = (): number => statSync(String(data.train)).ino;
  const first = stamp();
  await splitOwnRows(config(), options);
  expect(stamp()).toBe(first);
  await splitOwnRows(config({ validation: { split: 0.25, near: 'none', seed: 7 } }), options);
  const second = stamp();
  expect(second).not.toBe(first);
  writeFileSync(String(data.valid), '{}\n');
  await splitOwnRows(config({ validation: { split: 0.25, near: 'none', seed: 7 } }), options);
  expect(rows(data.valid).length).toBeGreaterThan(1);
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"prompt":"new","completion":" row"}\n`);
  await splitOwnRows(config(), options);
  expect(rows(data.train).length + rows(data.valid).length).toBe(81);
});

test('rows that cannot be read are counted, rows of another format are placed', async () => {
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"broken":\n{"other":"format"}\n`);
  warnings.length = 0;
  const { data } = await splitOwnRows(config(), options);
  expect(rows(data.train).length + rows(data.valid).length).toBe(81);
  expect(warnings).toEqual([expect.stringMatching(/^1 rows of data.train could not be read/)]);
});

test('what cannot be meant is refused by its key', async () => {
  await expect(splitOwnRows(config({ valid: file }), options)).rejects.toThrow(/data.validation: expected either rows of their own.*came both/);
  await expect(splitOwnRows(config({ train: [{ files: file, weight: 2 }] }), options)).rejects.toThrow(/expected plain files in data.train/);
  expect(() => config({ validation: { split: 1.5 } })).toThrow(/split/);
});

test('a run trains on the one part and is validated on the other', async () => {
  const run = train(config({}, { lora: { r: 2, targetModules: ['q_proj'] }, train: { steps: 2, batchTokens: 256, validEvery: 2 } }));
  const result = await run.result;
  expect(result.validLoss).toBeGreaterThan(0);
  expect(readFileSync(join(folder, 'run', 'config.yaml'), 'utf8')).toMatch(/validation:\n\s+split: 0.25/);
  expect(rows(join(folder, 'run', 'split', 'validation.jsonl')).length).toBeGreaterThan(4);
});
