// The commands on a real small model, against numbers of transformers 5.17 in float32 with a double-precision sum.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { main } from '../../lib/cli/program.js';
import { haveStories, STORIES, WHY_SKIPPED, writeRows } from './support.js';

const ROWS = [
  'Once upon a time, there was a little girl named Lily. She loved to play outside in the park.',
  'The dog was happy. "I like the sea," said the dog.',
  'Ünïcode 🙂 text',
];
const REFERENCE = { loss: 4.366063987641401, perplexity: 78.7331264654131, tokens: 71 };
const PROMPT = 'Once upon a time';
const GREEDY = [432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295, 433,
  426, 385, 328, 432, 358, 394, 261, 370, 432, 352, 266, 268, 388, 426];
const GREEDY_TEXT = ', there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.';

const describeHere = haveStories ? describe : describe.skip;

/** Runs a command in this process; stdout's last line as JSON. */
async function run(args: readonly string[], input?: string) {
  let [out, err] = ['', ''];
  const stdin = new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean };
  (stdin as PassThrough).end(input ?? '');
  const code = await main(args, { stdout: { write: (text) => { out += text; } }, stderr: { write: (text) => { err += text; } }, stdin, env: {} });
  return { code, out, err, lines: out.trim().split('\n') };
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, lines, err } = await run([...args, '--json', '--device', 'cpu', '--threads', '1']);
  if (code !== 0) throw new Error(`exit ${code}: ${err}`);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describeHere(haveStories ? 'commands' : `commands (skipped: ${WHY_SKIPPED})`, () => {
  let folder: string;
  let adapter: string;
  const rows = (): string => join(folder, 'rows.jsonl');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'whetstone-commands-'));
    process.env['XDG_CACHE_HOME'] = folder;
    writeFileSync(rows(), ROWS.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    const config = join(folder, 'run.yaml');
    writeFileSync(config, `model: ${STORIES}\ndata: {train: ${writeRows(join(folder, 'train.jsonl'), 40)}}\nlora: {r: 4}\n` +
      `train: {epochs: 10, learningRate: 0.005, batchTokens: 512}\noutput: ${join(folder, 'run')}\ndevice: cpu\nthreads: 1\n`);
    const { code, lines, err } = await run(['train', config, '--json']);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const result = JSON.parse(lines.at(-1)!) as { adapter: string; steps: number; trainLoss: number; meanTrainLoss: number };
    expect(lines).toHaveLength(1);
    expect(result.trainLoss).toBeLessThan(result.meanTrainLoss);
    expect(result.steps).toBeGreaterThan(20);
    adapter = result.adapter;
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('eval gives the loss of transformers on plain text', async () => {
    const report = await json('eval', '--model', STORIES, '--data', rows());
    expect(report['tokens']).toBe(REFERENCE.tokens);
    expect(report['loss'] as number).toBeCloseTo(REFERENCE.loss, 5);
    expect((report['perplexity'] as number) / REFERENCE.perplexity).toBeCloseTo(1, 4);
  });

  test('eval does not depend on the size of batches', async () => {
    const small = await json('eval', '--model', STORIES, '--data', rows(), '--batch-tokens', '8', '--max-length', '40');
    expect(small['loss'] as number).toBeCloseTo(REFERENCE.loss, 5);
  });

  test('eval scores each token of a row that is longer than the context once', async () => {
    const long = join(folder, 'long.jsonl');
    writeFileSync(long, `${JSON.stringify({ text: Array(30).fill(`${ROWS[0]} ${ROWS[1]}`).join(' ') })}\n`);
    const report = await json('eval', '--model', STORIES, '--data', long);
    expect(report['tokens']).toBe(1560);
  });

  test('an adapter makes what it learned likelier', async () => {
    const rowsOfTraining = join(folder, 'train.jsonl');
    const [before, after] = [await json('eval', '--model', STORIES, '--data', rowsOfTraining),
      await json('eval', '--model', STORIES, '--data', rowsOfTraining, '--adapter', adapter)];
    expect(after['loss'] as number).toBeLessThan((before['loss'] as number) / 3);
    expect(after['tokens']).toBe(before['tokens']);
  });

  test('generate gives the greedy text of transformers', async () => {
    const result = await json('generate', '--model', STORIES, '--prompt', PROMPT, '--max-new-tokens', '40', '--temperature', '0');
    expect(result['tokens']).toEqual(GREEDY);
    expect(result['text']).toBe(GREEDY_TEXT);
  });

  test('generate with an adapter says something else, and stops at a stop text', async () => {
    const result = await json('generate', '--model', STORIES, '--adapter', adapter, '--prompt', 'The cat went to the', '--max-new-tokens', '60', '--stop', '.');
    expect(result).toMatchObject({ text: expect.stringMatching(/^ (park|sea|house|garden|forest|shop|farm)$/), reason: 'stop-string' });
  });

  test('several prompts are answered together as alone, and seeds repeat', async () => {
    const sampled = ['--temperature', '0.9', '--top-k', '40', '--seed', '7', '--max-new-tokens', '12'];
    const [both, again] = [await json('generate', '--model', STORIES, '--prompt', PROMPT, '--prompt', 'The dog', ...sampled),
      await json('generate', '--model', STORIES, '--prompt', PROMPT, '--prompt', 'The dog', ...sampled)];
    expect(both).toEqual(again);
    const alone = await json('generate', '--model', STORIES, '--prompt', PROMPT, ...sampled);
    expect((both['results'] as { text: string }[])[0]!.text).toBe(alone['text']);
    expect((both['results'] as unknown[]).length).toBe(2);
  });

  test('without --json a text streams to stdout', async () => {
    const { out } = await run(['generate', '--model', STORIES, '--prompt', PROMPT, '--max-new-tokens', '40', '--device', 'cpu', '--threads', '1']);
    expect(out).toBe(`${GREEDY_TEXT}\n`);
  });

  test('chat with a model that has no template says so', async () => {
    const { code, err } = await run(['chat', '--model', STORIES, '--device', 'cpu'], 'hello\n');
    expect(code).toBe(4);
    expect(err).toMatch(/chat template.*generate/);
  });

  test('devices names the CPU, and doctor finds everything', async () => {
    expect(JSON.parse((await run(['devices', '--json'])).out)).toMatchObject({ devices: [{ kind: 'cpu' }] });
    const { code, out } = await run(['doctor', '--json']);
    const report = JSON.parse(out) as { healthy: boolean; findings: { name: string; status: string }[] };
    expect(report.findings.filter(({ status }) => status === 'problem')).toEqual([]);
    expect(code).toBe(0);
    expect(report.findings.map(({ name }) => name)).toEqual(expect.arrayContaining(['versions', 'engine', 'cpu', 'memory', 'model cache', 'scratch']));
  });

  test.each([
    [['eval', '--model', '/nowhere', '--data', 'x.jsonl'], 4],
    [['eval', '--model', STORIES, '--data', '/nowhere.jsonl'], 3],
    [['generate', '--model', STORIES, '--prompt', 'a', '--device', 'cuda:77'], 5],
    [['generate', '--model', STORIES, '--prompt', 'a', '--device', 'tpu'], 2],
  ])('%j ends with %d and a message', async (args, code) => {
    const result = await run(args);
    expect(result.code).toBe(code);
    expect(result.err).toMatch(/^error \(ERR_\w+\): ./);
  });

  test('a row that is wrong is named, and the others are scored', async () => {
    const bad = join(folder, 'bad.jsonl');
    writeFileSync(bad, '{"text": "fine and good"}\n{"text": 7}\n');
    const { code, out } = await run(['eval', '--model', STORIES, '--data', bad, '--device', 'cpu']);
    expect(code).toBe(0);
    expect(out).toMatch(/warning: 1 bad rows were left out[\s\S]*bad\.jsonl, row 2[\s\S]*scored tokens of 1 rows/);
  });

  test('the run left a curve and a resolved configuration', () => {
    expect(readFileSync(join(folder, 'run', 'curve.svg'), 'utf8')).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
    expect(readFileSync(join(folder, 'run', 'config.yaml'), 'utf8')).toContain('learningRate: 0.005');
    expect(existsSync(join(adapter, 'adapter_config.json'))).toBe(true);
  });
});
