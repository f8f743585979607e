// Killed at any update and gone on with, a run ends with the same bytes as one that was never disturbed; Ctrl-C saves
// and stops. Real training of a small model in child processes.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMetrics } from '../../lib/track/metrics.js';
import { haveStories, reached, sha256, STORIES, weightsOf, whetstone, WHY_SKIPPED, writeRows } from './support.js';

const describeHere = haveStories ? describe : describe.skip;

describeHere(haveStories ? 'a run' : `a run (skipped: ${WHY_SKIPPED})`, () => {
  let folder: string;
  let config: string;
  let undisturbed: string;
  const output = (name: string): string => join(folder, name);
  const start = (name: string, ...more: string[]) => whetstone(folder, 'train', config, '--json', '--set', `output=${output(name)}`, ...more);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'whetstone-resume-'));
    config = join(folder, 'run.yaml');
    writeFileSync(config, `
model: ${STORIES}
data: {train: ${writeRows(join(folder, 'train.jsonl'), 60)}, valid: ${writeRows(join(folder, 'valid.jsonl'), 10, 60)}, decontaminate: {action: off}}
lora: {r: 4, alpha: 8, dropout: 0.1}
train: {steps: 40, learningRate: 0.003, schedule: cosine, warmupSteps: 3, batchTokens: 256, accumulation: 2, neftuneAlpha: 5,
        labelSmoothing: 0.05, weightDecay: 0.01, validEvery: 7, saveEvery: 3}
device: cpu
threads: 1
`);
    const { code, err } = await start('undisturbed').done;
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    undisturbed = sha256(weightsOf(output('undisturbed')));
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('learns, and leaves what it promises', async () => {
    const metrics = await readMetrics(join(output('undisturbed'), 'metrics.jsonl'));
    const losses = metrics.filter((metric) => metric.type === 'step').map((metric) => metric.loss);
    expect(losses).toHaveLength(40);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
    expect(metrics.filter((metric) => metric.type === 'validation').map(({ step }) => step)).toEqual([0, 7, 14, 21, 28, 35, 40]);
    expect(readdirSync(output('undisturbed')).map((name) => name.replace(/tfevents\.\d+/, 'tfevents')).sort()).toEqual(
      ['adapter', 'checkpoints', 'config.yaml', 'curve.svg', 'environment.json', 'events.out.tfevents.whetstone', 'metrics.jsonl', 'mislabels.jsonl', 'rows', 'rows.jsonl']);
    expect(readdirSync(join(output('undisturbed'), 'checkpoints')).length).toBeLessThanOrEqual(3);
  });

  test('killed at random updates, again and again, ends with the same bytes', async () => {
    const random = Math.floor(Math.random() * 5); // the seed is in the name of a failing expectation
    for (const step of [1, 8, 17, 30].map((base) => base + random)) {
      const child = start('killed', '--resume');
      await reached(output('killed'), step, child);
      child.kill('SIGKILL');
      expect((await child.done).signal).toBe('SIGKILL');
    }
    const { code, out, err } = await start('killed', '--resume').done;
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(`${random} ${sha256(weightsOf(output('killed')))}`).toBe(`${random} ${undisturbed}`);
    expect(JSON.parse(out)).toMatchObject({ reason: 'finished', steps: 40 });
    const strip = (name: string) => readMetrics(join(output(name), 'metrics.jsonl')).then((metrics) => metrics.flatMap((metric) =>
      (metric.type === 'step' ? [[metric.step, metric.loss, metric.lr, metric.gradNorm, metric.epoch]] : metric.type === 'validation' ? [[metric.step, metric.loss]] : [])));
    expect(await strip('killed')).toEqual(await strip('undisturbed'));
  }, 90_000);

  test('Ctrl-C saves, says how to go on, ends with 130; going on ends with the same bytes', async () => {
    const child = start('interrupted');
    await reached(output('interrupted'), 4, child);
    child.kill('SIGINT');
    const { code, out, err } = await child.done;
    expect(code).toBe(130);
    expect(err).toMatch(/Go on with: npx whetstone train .*run\.yaml --set output=.* --resume/);
    const { steps, reason } = JSON.parse(out) as { steps: number; reason: string };
    expect(reason).toBe('stopped');
    expect(readdirSync(join(output('interrupted'), 'checkpoints'))).toContain(`checkpoint-${steps}`);
    expect((await start('interrupted', '--resume').done).code).toBe(0);
    expect(sha256(weightsOf(output('interrupted')))).toBe(undisturbed);
  }, 60_000);

  test('Ctrl-C twice stops at once; the last checkpoint is gone on from, to the same bytes', async () => {
    const child = start('twice');
    await reached(output('twice'), 5, child);
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect((await child.done).code).toBe(130);
    expect((await start('twice', '--resume').done).code).toBe(0);
    expect(sha256(weightsOf(output('twice')))).toBe(undisturbed);
  }, 60_000);

  test('SIGTERM is like Ctrl-C, with 143', async () => {
    const child = start('terminated');
    await reached(output('terminated'), 2, child);
    child.kill('SIGTERM');
    expect((await child.done).code).toBe(143);
    expect(readdirSync(join(output('terminated'), 'checkpoints')).length).toBeGreaterThan(0);
  }, 60_000);

  test('an earlier run is not overwritten unasked, and a changed one not gone on with', async () => {
    const before = readFileSync(weightsOf(output('undisturbed')));
    const again = await start('undisturbed').done;
    expect(again.code).toBe(2);
    expect(again.err).toMatch(/holds an earlier run.*--resume.*--overwrite/);
    const changed = await start('undisturbed', '--resume', '--set', 'lora.dropout=0').done;
    expect(changed.code).toBe(2);
    expect(changed.err).toMatch(/changed since are lora\.dropout \(0\.1, now 0\)/);
    expect(readFileSync(weightsOf(output('undisturbed')))).toEqual(before);
  }, 60_000);
});
