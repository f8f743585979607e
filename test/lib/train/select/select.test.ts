// Selection by the model: losses against transformers run one row at a time, passes that go on where they stopped, what
// is written, and what training on the choice shows.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { main } from '../../../../lib/cli/program.js';
import { checkConfig } from '../../../../lib/train/config/parse.js';
import { loadParts } from '../../../../lib/train/open.js';
import type { Parts } from '../../../../lib/train/open.js';
import { encodeRows } from '../../../../lib/train/rows.js';
import { answersAlone, bothWays } from '../../../../lib/train/select/alone.js';
import { scoreRows } from '../../../../lib/train/select/score.js';
import { selectRows, writeSelection } from '../../../../lib/train/select/select.js';
import { runTrials, sharesOf } from '../../../../lib/train/select/trials.js';

interface Golden {
  readonly prompt: string;
  readonly completion: string;
  readonly tokens: number;
  readonly loss: number;
  readonly alone: number;
  readonly ifd: number;
}

const root = join(__dirname, '../../../..');
const model = join(root, 'models/pebble');
const golden = JSON.parse(readFileSync(join(__dirname, 'ifd.json'), 'utf8')) as Golden[];
let folder: string;
let file: string;
let parts: Parts;
const cacheHome = process.env['XDG_CACHE_HOME'];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-select-'));
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
  file = join(folder, 'rows.jsonl');
  writeFileSync(file, golden.map(({ prompt, completion }) => `${JSON.stringify({ prompt, completion })}\n`).join(''));
  parts = await loadParts({ model });
});
afterAll(() => {
  if (cacheHome === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = cacheHome;
  rmSync(folder, { recursive: true });
});

const CPU = { device: 'cpu', threads: 1 } as const;

test('answers alone are the same tokens behind the token that begins texts', () => {
  const row = { tokens: Int32Array.of(5, 6, 7, 8, 9, 10), labels: Int32Array.of(-1, 7, 8, -1, 10, -1), weights: Float32Array.of(1, 2, 3, 1, 4, 1), row: 3 };
  const alone = answersAlone(row, 0);
  expect([[...alone.tokens], [...alone.labels], [...alone.weights!]]).toEqual([[0, 7, 8], [7, 8, 10], [2, 3, 4]]);
  const set = bothWays({ length: 1, lengthOf: () => 6, get: () => row }, 0, 0, 1);
  expect([set.length, set.lengthOf(0), set.lengthOf(1), set.get(1).row, set.get(0).row]).toEqual([2, 6, 3, 1, 0]);
});

test('losses with and without prompts are those of transformers, however rows are packed', async () => {
  const rows = await encodeRows(parts, file);
  for (const batchTokens of [8, 4096]) {
    const scores = await scoreRows(parts, rows, undefined, { ...CPU, ifd: true, cache: false, batchTokens });
    expect(scores.map(({ tokens }) => tokens)).toEqual(golden.map(({ tokens }) => tokens));
    for (const [i, { loss, alone }] of scores.entries()) {
      expect(Math.abs(loss / golden[i]!.loss - 1)).toBeLessThan(2e-5);
      expect(Math.abs(alone! / golden[i]!.alone - 1)).toBeLessThan(2e-5);
    }
  }
  rows.close();
});

test('a pass that was stopped goes on, one that is finished is not made again, damage is not trusted', async () => {
  const rows = await encodeRows(parts, file);
  const cache = join(folder, 'scores');
  const seen: number[] = [];
  const score = () => scoreRows(parts, rows, undefined, { ...CPU, ifd: true, cache, onProgress: (done) => seen.push(done) });
  const first = await score();
  expect(seen).toEqual([0, 8]);
  const stored = join(cache, readdirSync(cache)[0]!);
  expect(await score()).toEqual(first);
  expect(seen).toEqual([0, 8, 8]);
  const lines = readFileSync(stored, 'utf8').split('\n');
  truncateSync(stored, lines.slice(0, 4).join('\n').length + 10); // the header, three rows, and a piece
  expect(await score()).toEqual(first);
  expect(seen).toEqual([0, 8, 8, 3, 8]);
  appendFileSync(stored, 'noise\n');
  expect(await score()).toEqual(first);
  writeFileSync(stored, 'something else\n');
  expect(await score()).toEqual(first);
  expect(seen.slice(5)).toEqual([8, 0, 8]);
  rows.close();
});

test('rows are chosen by IFD below 1, the rest is written with its reasons', async () => {
  const options = { ...CPU, by: 'ifd', keep: { count: 3 }, cache: false } as const;
  const selection = await selectRows(parts, undefined, [file], options);
  const able = golden.map(({ ifd }, row) => ({ ifd, row })).filter(({ ifd }) => ifd < 1).sort((a, b) => b.ifd - a.ifd);
  expect(selection.choice.kept).toEqual(able.slice(0, 3).map(({ row }) => row));
  expect(golden.some(({ ifd }) => ifd >= 1)).toBe(true);
  expect(selection.record.reasons).toMatchObject({ kept: 3, 'score-too-high': golden.length - able.length, enough: able.length - 3 });
  const out = join(folder, 'out');
  await writeSelection([file], out, selection);
  const read = (name: string) => readFileSync(join(out, name), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(read('kept.jsonl').map(({ prompt }) => prompt)).toEqual([...selection.choice.kept].sort((a, b) => a - b).map((row) => golden[row]!.prompt));
  const rest = read('rest.jsonl');
  expect(rest).toHaveLength(5);
  for (const { reason, row, value } of rest) {
    expect(reason).toBe(golden[Number(row) - 1]!.ifd >= 1 ? 'score-too-high' : 'enough');
    expect(value).toEqual({ prompt: golden[Number(row) - 1]!.prompt, completion: golden[Number(row) - 1]!.completion });
  }
});

test('plain text has no IFD, and says so', async () => {
  const text = join(folder, 'text.jsonl');
  writeFileSync(text, '{"text":"Once upon a time there was a king."}\n');
  await expect(selectRows(parts, undefined, [text], { ...CPU, by: 'ifd', keep: { share: 1 }, cache: false })).rejects.toThrow(/expected rows with a prompt and an answer.*Select by perplexity instead/);
});

test('shares are nested, and trials are kept: a second series runs nothing', async () => {
  const [small, large] = sharesOf(8, [0.5, 1], 7);
  expect([small!.rows.size, large!.rows.size, [...small!.rows].every((row) => large!.rows.has(row))]).toEqual([4, 8, true]);
  const config = checkConfig({
    model, data: { train: file, valid: file }, lora: { r: 2, targetModules: ['q_proj'] }, device: 'cpu', threads: 1, output: join(folder, 'run'),
    train: { steps: 2, batchTokens: 64, validEvery: 2, learningRate: 1e-3 },
  });
  const starts: string[] = [];
  const series = () => runTrials(config, [small!, large!], { folder: join(folder, 'trials'), seeds: [1], onProgress: ({ name, step }) => { if (step === 1) starts.push(name); } });
  const trials = await series();
  expect(trials.map(({ name, rows, steps }) => [name, rows, steps])).toEqual([['50 %', 4, 2], ['100 %', 8, 2]]);
  for (const { validLoss, error, trainLoss } of trials) for (const value of [validLoss, error, trainLoss!]) expect(value).toBeGreaterThan(0);
  expect(await series()).toEqual(trials);
  expect(starts).toEqual(['50 %', '100 %']);
  expect(readdirSync(join(folder, 'trials'))).toEqual(['trials.json']);
  await expect(runTrials({ ...config, data: { ...config.data, valid: undefined } }, [small!], { folder: join(folder, 'trials'), seeds: [1] })).rejects.toThrow(/data.valid: expected validation rows/);
});

test('the command prints what it did as one JSON object', async () => {
  const text = { out: '', err: '' };
  const streams = {
    stdout: { write: (part: string) => { text.out += part; } }, stderr: { write: (part: string) => { text.err += part; } },
    stdin: new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean }, env: {},
  };
  const code = await main(['data', 'select', file, '--model', model, '--out', join(folder, 'cli'), '--by', 'perplexity', '--keep', '0.5', '--device', 'cpu', '--threads', '1', '--json'], streams);
  expect([code, text.err]).toEqual([0, '']);
  const result = JSON.parse(text.out) as { reasons: { kept: number }; order: string; random: { rows: number } };
  expect([result.reasons.kept, result.order, result.random.rows]).toEqual([4, 'middle', 4]);
});
