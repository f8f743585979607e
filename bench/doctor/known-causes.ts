// Is the doctor right? Twelve runs of the embedded model whose trouble is known (causes.ts), each trained as a user
// would, and the verdict at its end held against the cause. `--seed` chooses rows, tasks and settings; `--keep FILE`
// also writes every run's losses, which test/lib/train/recorded.test.ts judges again.
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { train } from '../../lib/index.js';
import { option, report } from '../harness.js';
import { knownRuns } from './causes.js';

const seed = Number(option('seed', '20261122'));
const keep = option('keep', '');
const folder = mkdtempSync(join(tmpdir(), 'whetstone-doctor-'));

/** What the doctor needs of a run: a twentieth of its metrics. */
function recorded(file: string): unknown[] {
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').flatMap((line) => {
    const metric = JSON.parse(line) as Record<string, unknown> & { readonly type: string };
    if (metric.type === 'validation') return [metric];
    if (metric.type !== 'step') return [];
    const { type, step, steps, epoch, loss, lr } = metric;
    return [{ type, step, steps, epoch: Number((epoch as number).toPrecision(5)), loss: Number((loss as number).toPrecision(5)), lr: Number((lr as number).toPrecision(5)) }];
  });
}

let right = 0;
const runs = knownRuns(seed, folder);
try {
  for (const { name, cause, config } of runs) {
    const { verdict, steps, trainLoss, validLoss, seconds } = await train(config).result;
    if (verdict === cause) right++;
    process.stderr.write(`${verdict === cause ? 'right' : 'WRONG'}  ${name}: ${cause}, called ${verdict}\n`);
    report({ case: `doctor/${name}`, seed, cause, verdict: verdict ?? 'none', right: verdict === cause, steps, trainLoss, validLoss, seconds: Math.round(seconds) });
    if (keep !== '') appendFileSync(keep, `${JSON.stringify({ name, seed, cause, metrics: recorded(join(config.output!, 'metrics.jsonl')) })}\n`);
  }
  report({ case: 'doctor', seed, runs: runs.length, right });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
