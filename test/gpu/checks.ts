// What test/ops checks of operations beyond their numbers, on every backend: ties, masks, NaN and infinities that stay
// where they are, updates that change nothing, dropout as the contract draws it. Each test goes through all backends.
import { collect } from './jestless.js';
import { findingOf } from './outcomes.js';
import type { Unit } from './unit.js';

/** Files whose tests go through `targets()`. */
const files: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['linear', () => import('../ops/linear.test.js')], ['headLoss', () => import('../ops/head-loss.test.js')],
  ['update', () => import('../ops/update.test.js')], ['sample', () => import('../ops/sample.test.js')],
];

/** Cases of operations.ts, and comparisons of the CPU with itself. */
const ELSEWHERE = /is what the oracle says$|gives the same bits on 1, 2, 3 and 7 threads$|draws what the reference draws$|^proportions/;

export async function checkUnits(backends: readonly string[]): Promise<readonly Unit[]> {
  const plugin = process.env['WHETSTONE_CUDA_PLUGIN'] ?? '';
  const units: Unit[] = [];
  for (const [op, load] of files) {
    for (const { name, run } of await collect(load)) {
      if (ELSEWHERE.test(name)) continue;
      units.push({
        group: 'checks', op: `${op} checks`, name: plugin === '' ? name : name.replaceAll(plugin, 'cuda'), dtype: '-',
        async run(report) {
          report.at({ backend: backends.join(' + ') });
          await run();
          report.add(findingOf([]));
        },
      });
    }
  }
  return units;
}
