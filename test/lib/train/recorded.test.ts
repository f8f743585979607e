// The doctor on recorded runs of the embedded model: losses of bench/doctor/known-causes.ts with a seed that was not used
// while its rules were written, and two runs of seed 7, one of which a rule had wrong at first. Made with: npm run bench -- doctor/known-causes --seed N --keep FILE; gzip -9n FILE
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TrainEvent, Verdict } from '../../../lib/track/events.js';
import { checkConfig } from '../../../lib/train/config/parse.js';
import { Doctor } from '../../../lib/train/doctor.js';

interface Recorded {
  readonly name: string;
  readonly seed: number;
  readonly cause: Verdict;
  readonly metrics: readonly TrainEvent[];
}

const runs = gunzipSync(readFileSync(join(__dirname, 'fixtures/doctor-curves.jsonl.gz'))).toString().trim().split('\n').map((line) => JSON.parse(line) as Recorded);
const config = checkConfig({ model: 'm', data: { train: 'a', valid: 'b' } });
const NOW = { learningRate: 1e-3, weightDecay: 0, dropout: 0, clip: 1 };

/** As the run would have been called had it ended after `share` of its validations. */
function called({ metrics }: Recorded, share = 1): Verdict {
  const last = metrics.findLastIndex(({ type }) => type === 'validation');
  const validations = metrics.filter(({ type }) => type === 'validation').length;
  const doctor = new Doctor(config);
  let seen = 0;
  for (const event of metrics.slice(0, last + 1)) {
    doctor.event(event);
    if (event.type !== 'validation') continue;
    if (event.step > 0) doctor.event(doctor.judge(NOW).diagnosis);
    if (++seen >= share * validations) break;
  }
  return doctor.conclude(NOW).verdict;
}

test('all six causes are there, at least twice', () => {
  for (const cause of ['healthy', 'overfitting', 'underfitting', 'unstable', 'label noise', 'leakage suspected']) {
    expect(runs.filter((run) => run.cause === cause).length).toBeGreaterThanOrEqual(2);
  }
});

test.each(runs.map((run) => [`${run.name}, seed ${run.seed}`, run] as const))('%s', (_, run) => {
  expect(called(run)).toBe(run.cause);
});

test('health is not taken for trouble half way', () => {
  const half = runs.filter(({ cause }) => cause === 'healthy').map((run) => called(run, 0.5));
  // Stopped half way a run may well be called unfinished; never sick.
  expect(half.filter((verdict) => verdict !== 'healthy' && verdict !== 'underfitting')).toEqual([]);
});
