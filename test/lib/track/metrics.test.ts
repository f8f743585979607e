// metrics.jsonl: what is kept, a last line cut by a crash, going back to a checkpoint.
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MetricsLog, readMetrics, rewindMetrics } from '../../../lib/track/metrics.js';
import type { CheckpointEvent, StepEvent } from '../../../lib/track/events.js';

const step = (n: number): StepEvent => ({
  type: 'step', step: n, steps: 9, epoch: 0, loss: 1 / 3, lr: 0, gradNorm: 0, tokens: 1, scored: 1, tokensPerSecond: 1,
  scoredPerSecond: 1, seconds: 1, eta: 1,
});

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-metrics-'));
  file = join(folder, 'metrics.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('metrics are appended and read back exactly; other events are not metrics', async () => {
  const log = new MetricsLog(file);
  log.event({ type: 'warning', message: 'w' });
  log.event(step(1));
  await log.flush();
  expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(step(1))}\n`);
  log.event({ type: 'paused', step: 1 });
  log.event(step(2));
  await log.close();
  expect(await readMetrics(file)).toEqual([step(1), step(2)]);
});

test('a line cut short by a crash is left out, and rewinding repairs the file', async () => {
  const log = new MetricsLog(file);
  for (let n = 1; n <= 4; n++) log.event(step(n));
  const checkpoint: CheckpointEvent = { type: 'checkpoint', step: 3, folder: 'f' };
  log.event(checkpoint);
  await log.close();
  appendFileSync(file, '{"type":"step","st');
  expect(await readMetrics(file)).toHaveLength(5);
  expect(await rewindMetrics(file, 3)).toEqual([step(1), step(2), step(3), checkpoint]);
  expect(await readMetrics(file)).toEqual([step(1), step(2), step(3), checkpoint]);
  expect(readFileSync(file, 'utf8').endsWith('}\n')).toBe(true);
});

test('a missing file has no metrics', async () => {
  expect(await readMetrics(file)).toEqual([]);
});

test('a disk that fails is told, not hidden', async () => {
  const log = new MetricsLog(join(folder, 'no', 'such', 'folder'));
  let failure: unknown;
  for (const deadline = Date.now() + 10_000; failure === undefined && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    try {
      log.event(step(1));
    } catch (error) {
      failure = error;
    }
  }
  expect(String(failure)).toMatch(/ENOENT/);
});
