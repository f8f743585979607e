// A whole run on the embedded model, as a user would: test rows sealed, training with validation until it stops early,
// one final evaluation, the report; and a second look at the test set, which is recorded and shown.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../lib/cli/program.js';
import { readLedger, train } from '../../lib/index.js';
import type { ConfigInput, DiagnosisEvent, TrainEvent, ValidationEvent } from '../../lib/index.js';
import { root } from './support.js';

const model = join(root, 'models/pebble');
let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-final-'));
  process.env['XDG_CACHE_HOME'] = folder;
  const rows = readFileSync(join(root, 'data/quickstart/train.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => {
    const row = JSON.parse(line) as { prompt: string };
    return { ...row, size: row.prompt.length > 24 ? 'long' : 'short' };
  });
  const write = (name: string, from: number, count: number): void =>
    writeFileSync(at(name), rows.slice(from, from + count).map((row) => `${JSON.stringify(row)}\n`).join(''));
  write('train.jsonl', 0, 24);
  write('valid.jsonl', 100, 24);
  write('test.jsonl', 200, 20);
  writeFileSync(at('general.jsonl'), ['The old man sat down by the river.', 'It was a cold night, and the wind came from the sea.', 'She read the letter twice.']
    .map((text) => `${JSON.stringify({ text })}\n`).join(''));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command in this process. */
async function command(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const text = { out: '', err: '' };
  const code = await main(args, {
    stdout: { write: (part: string) => { text.out += part; } }, stderr: { write: (part: string) => { text.err += part; } }, stdin: process.stdin, env: { NO_COLOR: '1' },
  });
  return { code, ...text };
}
const result = ({ out }: { readonly out: string }): Record<string, unknown> => JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, unknown>;
const final = () => command('eval', '--model', model, '--adapter', at('run/adapter'), '--data', at('test.sealed'), '--final', '--device', 'cpu', '--threads', '1', '--json');

test('sealed, trained until it stops, evaluated once, reported; the second look is recorded and shown', async () => {
  expect(result(await command('data', 'seal', at('test.jsonl'), '--output', at('test.sealed'), '--json'))).toMatchObject({ rows: 20 });
  const config = {
    model, data: { train: at('train.jsonl'), valid: at('valid.jsonl'), test: at('test.sealed'), sliceBy: 'size' }, lora: { r: 4 },
    train: { steps: 60, learningRate: 0.01, schedule: 'constant', batchTokens: 256, validEvery: 4, earlyStopping: { patience: 2 }, saveEvery: 100 },
    doctor: { general: at('general.jsonl') }, output: at('run'), device: 'cpu', threads: 1,
  };
  writeFileSync(at('run.yaml'), JSON.stringify(config));
  const trained = await command('train', at('run.yaml'), '--json');
  expect([trained.code, result(trained)]).toMatchObject([0, { reason: 'early-stop', verdict: 'overfitting' }]);
  const run = result(trained) as { adapterStep: number; steps: number; forgetting: { before: number; after: number; kl: { value: number; standardError: number } } };
  expect(run.steps - run.adapterStep).toBe(8);
  expect(run.forgetting.after).toBeGreaterThan(run.forgetting.before);
  const { value, standardError } = run.forgetting.kl;
  expect([value > 0.05, value < 20, value - 1.96 * standardError > 0]).toEqual([true, true, true]);
  // Validations do not fall together with checkpoints here: the best one was written all the same.
  expect(existsSync(at(`run/checkpoints/checkpoint-${run.adapterStep}`))).toBe(true);
  expect(trained.err).toMatch(/doctor overfitting/);

  const plain = await command('eval', '--model', model, '--data', at('test.sealed'), '--device', 'cpu', '--threads', '1', '--json');
  expect(plain.code).toBe(2);
  expect(plain.err).toContain('opened by: whetstone eval --final');
  await expect(train({ ...config, data: { train: at('test.sealed') }, output: at('cheat') } as ConfigInput).result).rejects.toMatchObject({ code: 'ERR_DATA' });

  const first = await final();
  expect(first.err).toContain('opened for the first time');
  expect(result(first)).toMatchObject({ opening: 1, problems: [], rows: 20, level: 0.95, final: true });
  expect((result(first)['base'] as { change: number }).change).toBeLessThan(-3);
  const second = await final();
  expect(second.err).toContain('has now been used 2 times');
  const [one, two] = [result(first), result(second)] as unknown as { loss: number; level: number; interval: [number, number] }[];
  expect(two!.loss).toBe(one!.loss);
  expect(two!.level).toBe(0.975);
  expect(two!.interval[1] - two!.interval[0]).toBeGreaterThan(1.1 * (one!.interval[1] - one!.interval[0]));
  expect((await readLedger(at('run/adapter/test-ledger.jsonl'))).entries.map(({ type }) => type)).toEqual(['sealed', 'opened', 'result', 'opened', 'result']);

  const reported = await command('report', at('run'), '--samples', '2', '--json');
  expect(result(reported)).toMatchObject({ verdict: 'overfitting', status: 'early-stop', test: { openings: 2, problems: [] } });
  const page = readFileSync(at('run/report.html'), 'utf8');
  expect(page).toContain('used 2 times');
  expect(page).toContain(`Divergence of the next token from the base model's there: ${value.toFixed(4)} nats`.replaceAll("'", '&#39;'));
  expect(page).toContain('This test set has been used 2 times');
  expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  const data = JSON.parse(readFileSync(at('run/report.json'), 'utf8')) as { samples: { samples: { before: string; after: string }[]; masks: unknown[] }; validations: ValidationEvent[]; effect: { p: number } };
  expect(data.samples.samples).toHaveLength(2);
  expect(data.samples.samples[0]!.after).not.toBe(data.samples.samples[0]!.before);
  expect(data.validations.at(-1)!.slices!.map(({ name }) => name).sort()).toEqual(['size = long', 'size = short']);
  expect(data.effect.p).toBeLessThan(1e-3);
  const again = result(await command('doctor', at('run'), '--json'));
  expect(again).toMatchObject({ type: 'diagnosis', verdict: 'overfitting', final: true });
}, 240_000);

test('the ledger survives a new adapter in the same place; a cut one shows at the next look', async () => {
  const resumed = train({ model, data: { train: at('train.jsonl'), valid: at('valid.jsonl') }, lora: { r: 4 }, output: at('run'), device: 'cpu', threads: 1,
    train: { steps: 60, learningRate: 0.01, schedule: 'constant', batchTokens: 256, validEvery: 4, earlyStopping: { patience: 2 }, saveEvery: 100 } }, { resume: true });
  await resumed.result;
  expect((await readLedger(at('run/adapter/test-ledger.jsonl'))).entries).toHaveLength(5);
  const ledger = at('test.sealed.ledger.jsonl');
  copyFileSync(ledger, `${ledger}.whole`);
  writeFileSync(ledger, readFileSync(ledger, 'utf8').split('\n').slice(0, 3).join('\n').concat('\n'));
  expect((result(await final())['problems'] as string[]).join()).toMatch(/removed, cut or replaced/);
}, 240_000);

test('an unstable run is called so, and doctor.auto lowers its rate while it goes', async () => {
  const events: TrainEvent[] = [];
  const run = train({
    model, data: { train: at('train.jsonl'), valid: at('valid.jsonl') }, lora: { r: 4 }, output: at('wild'), device: 'cpu', threads: 1, doctor: { auto: true, rows: 'none' },
    train: { steps: 14, learningRate: 0.4, clip: 0, batchTokens: 256, validEvery: 7 },
  });
  for await (const event of run) events.push(event);
  const told = events.filter((event): event is DiagnosisEvent => event.type === 'diagnosis');
  expect(told.map(({ verdict, final: last }) => [verdict, last])).toEqual([['unstable', false], ['unstable', false], ['unstable', true]]);
  expect(told[0]!.applied).toEqual(['train.learningRate = 0.1', 'train.clip = 1']);
  const rates = events.filter((event) => event.type === 'step').map(({ step, lr }) => lr / (1 - (step - 1) / 14));
  expect(rates.slice(0, 7).every((rate) => Math.abs(rate - 0.4) < 1e-9)).toBe(true);
  expect(rates[7]).toBeCloseTo(0.1, 9);
}, 240_000);
