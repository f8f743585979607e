// Generation in the loop: prompts are what training encodes, answers are those of the weights at that update, training
// itself is not disturbed, and a run that goes on writes on.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { generateText } from '../../../lib/eval/generate.js';
import { checkConfig } from '../../../lib/train/config/parse.js';
import type { ConfigInput } from '../../../lib/train/config/schema.js';
import { generationCases, planGeneration } from '../../../lib/train/generation.js';
import { loadParts, openParts } from '../../../lib/train/open.js';
import { train } from '../../../lib/train/train.js';
import type { TrainEvent } from '../../../lib/track/events.js';

const root = resolve(__dirname, '..', '..', '..');
let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-generation-'));
  process.env['XDG_CACHE_HOME'] = folder;
  const rows = readFileSync(join(root, 'data/quickstart/train.jsonl'), 'utf8').split('\n').filter(Boolean);
  writeFileSync(at('train.jsonl'), rows.slice(0, 24).map((row) => `${row}\n`).join(''));
  writeFileSync(at('valid.jsonl'), rows.slice(100, 112).map((row) => `${row}\n`).join(''));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (output: string, more: Partial<ConfigInput> = {}): ConfigInput => ({
  model: join(root, 'models/pebble'), data: { train: at('train.jsonl'), valid: at('valid.jsonl') }, lora: { r: 4 },
  train: { steps: 4, learningRate: 0.005, batchTokens: 256, validEvery: 2, restoreBest: false, earlyStopping: { metric: 'answerF1' } },
  generate: { rows: 4, maxNewTokens: 12, metrics: ['exactMatch', 'answerF1', 'chrf', 'rougeL', 'numberMatch', 'length'], atOnce: 3 }, output: at(output), device: 'cpu', threads: 1, ...more,
});

interface Line { readonly step: number; readonly row: number; readonly prompt: string; readonly expected: string; readonly said: string }
const lines = (output: string): Line[] => readFileSync(join(at(output), 'generations.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Line);

async function run(input: ConfigInput, options = {}): Promise<{ events: TrainEvent[]; adapter: string }> {
  const going = train(input, options);
  const events: TrainEvent[] = [];
  for await (const event of going) events.push(event);
  return { events, adapter: (await going.result).adapter };
}

test('answers come from the weights of that update, are scored, and training goes as without them', async () => {
  const { events, adapter } = await run(config('with'));
  const validations = events.filter((event) => event.type === 'validation');
  expect(validations.map(({ step }) => step)).toEqual([0, 2, 4]);
  for (const { metrics, metric, value } of validations) {
    expect(Object.keys(metrics!)).toEqual(['exactMatch', 'answerF1', 'chrf', 'rougeL', 'numberMatch', 'length']);
    expect([metric, value]).toEqual(['answerF1', metrics!['answerF1']!.value]);
  }
  const written = lines('with');
  expect(written.map(({ step, row }) => [step, row])).toEqual([0, 2, 4].flatMap((step) => [0, 3, 6, 9].map((row) => [step, row])));
  const length = written.slice(8).reduce((sum, { said }) => sum + Array.from(said.trim()).length, 0) / 4;
  expect(validations[2]!.metrics!['length']!.value).toBe(length);
  expect(written[0]!.expected).toBe((JSON.parse(readFileSync(at('valid.jsonl'), 'utf8').split('\n')[0]!) as { completion: string }).completion);

  const parts = await loadParts({ model: config('with').model, adapter });
  await using opened = await openParts(parts, { device: 'cpu', threads: 1, maxTokens: 256, maxSequences: 4, cacheTokens: 512, cacheSequences: 4 });
  const prompts = written.slice(8).map(({ prompt }) => ({ tokens: parts.tokenizer.encode(prompt), slot: opened.slot }));
  const again = await generateText(opened.session, parts.tokenizer, prompts, { maxNewTokens: 12, stopTokens: parts.tokenizer.stopIds });
  expect(again.map(({ text }) => text)).toEqual(written.slice(8).map(({ said }) => said));

  const without = await run(config('without', { generate: { rows: 0 }, train: { ...config('x').train, earlyStopping: {} } }));
  const losses = (all: readonly TrainEvent[]): (number | undefined)[] => all.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
  expect(losses(events)).toEqual(losses(without.events));
}, 120_000);

test('a run that goes on drops what was said after its checkpoint, and constraints hold', async () => {
  const limited: Partial<ConfigInput> = { generate: { rows: 2, metrics: ['exactMatch'], choices: ['yes indeed', 'no'] } };
  const earlyStopping = { metric: 'exactMatch' };
  await run(config('on', { ...limited, train: { ...config('x').train, steps: 2, earlyStopping } }));
  expect(lines('on').every(({ said }) => ['yes indeed', 'no'].includes(said))).toBe(true);
  await run(config('on', { ...limited, train: { ...config('x').train, steps: 4, earlyStopping } }), { resume: true });
  expect(lines('on').map(({ step }) => step)).toEqual([0, 0, 2, 2, 4, 4]);
}, 120_000);

test('the last answer is what is asked for, and a prompt must leave room', () => {
  const row = (labels: readonly number[]) => ({ tokens: Int32Array.from(labels, (_, i) => 10 + i), labels: Int32Array.from(labels), row: 0 });
  const rows = [row([-1, -1, 13, 14, -1, -1, 17, 18]), row([-1, -1]), row([11, 12, 13, 14, 15, 16]), row(Array.from({ length: 30 }, (_, i) => (i < 29 ? -1 : 5)))];
  const set = { length: rows.length, lengthOf: (i: number) => rows[i]!.tokens.length, get: (i: number) => rows[i]! };
  const cases = generationCases(set, 9, { longest: 20, text: (tokens) => tokens.join(' ') });
  expect(cases.map(({ row: at, prompt, expected }) => [at, [...prompt], expected])).toEqual([
    [0, [10, 11, 12, 13, 14, 15, 16], '17 18'], [2, [10, 11], '12 13 14 15 16'],
  ]);
});

test('what cannot be is refused by its key', async () => {
  const parts = await loadParts({ model: join(root, 'models/pebble') });
  const plan = (generate: ConfigInput['generate']) => planGeneration(checkConfig(config('x', { generate })), parts, undefined);
  await expect(plan({ rows: 3 })).rejects.toMatchObject({ code: 'ERR_CONFIG', details: { key: 'generate.rows' } });
  expect(await plan({ rows: 0 })).toBeUndefined();
  expect(() => checkConfig(config('x', { generate: { rows: 1, metrics: ['bleurt' as 'chrf'] } }))).toThrow(/generate\.metrics/);
});
