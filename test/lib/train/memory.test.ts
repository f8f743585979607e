// Planning a run: the cheapest changes that make it fit really do, with the size that was said; and the trainer refuses
// before it reads a row.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseBytes } from '../../../lib/cli/plan.js';
import { packageRoot } from '../../../lib/engine/native.js';
import type { ModelSpec } from '../../../lib/tensors.js';
import { checkConfig } from '../../../lib/train/config/parse.js';
import type { ConfigInput } from '../../../lib/train/config/schema.js';
import { planRun } from '../../../lib/train/memory.js';
import { loraOf, train } from '../../../lib/train/train.js';

const GIB = 2 ** 30;
const zeros = Array.from({ length: 32 }, () => 0);
/** Llama-3.1-8B. */
const spec: ModelSpec = {
  family: 'llama', vocabulary: 128256, width: 4096, layers: 32, heads: 32, kvHeads: 8, headWidth: 128, feedForward: 14336, normEps: 1e-5,
  tiedHead: false, qkvBias: false, oBias: false, mlpBias: false, qkNorm: false, fusedQkv: false, fusedGateUp: false, window: zeros,
  rope: { kind: 'default', theta: 5e5, rotaryWidth: 128, maxPositions: 131072 },
};

const planOf = async (changes: Record<string, unknown>, memoryBytes: number) => {
  const { lora, ...train } = changes;
  const config = checkConfig({
    model: 'm', data: { train: 'x.jsonl' }, lora, train: { dtype: 'bf16', batchTokens: 8192, recompute: 'none', ...train },
  } as ConfigInput);
  return planRun(config, spec, loraOf(config, spec), { device: 'cuda', memoryBytes });
};

test('the 8B step is planned as an H100 measured it', async () => {
  // GiB in use on the card during a step: bench/results/nvidia-h100-80gb-hbm3.jsonl.
  for (const [recompute, measured] of [['none', 52.4], ['cheap', 41.68], ['layer', 21.33]] as const) {
    const run = await planOf({ recompute }, 79 * GIB);
    expect(run.fits).toBe(true);
    expect(Math.abs(run.total / GIB / measured - 1)).toBeLessThan(0.02);
    expect(run.fixes).toEqual([]);
  }
});

test('auto keeps all on a large card, mixes on a smaller one, and never passes the card', async () => {
  expect((await planOf({ recompute: 'auto' }, 79 * GIB)).recompute).toEqual({ keep: 32, cheap: 0, again: 0 });
  const before: number[] = [];
  for (const memory of [48, 40, 32, 24]) {
    const run = await planOf({ recompute: 'auto' }, memory * GIB);
    expect(run.fits).toBe(true);
    expect(run.total).toBeLessThanOrEqual(memory * GIB);
    expect(run.total).toBeGreaterThan(memory * GIB - 2.5 * GIB); // less than two layers of room left
    before.push(run.recompute.again);
  }
  expect(before).toEqual(before.toSorted((a, b) => a - b));
  expect((await planOf({ recompute: 'auto' }, 20 * GIB)).fits).toBe(false);
});

test.each([['40 GiB, nothing made again', { recompute: 'none' }, 40], ['30 GiB, cheap', { recompute: 'cheap' }, 30], ['20 GiB, auto', { recompute: 'auto' }, 20],
  ['24 GiB, f32', { recompute: 'auto', dtype: 'f32' }, 34]] as const)(
  '%s: three changes are offered, and each takes what was said', async (_, changes, memory) => {
    const run = await planOf(changes, memory * GIB);
    expect(run.fits).toBe(false);
    expect(run.fixes.length).toBeGreaterThan(0);
    expect(run.fixes[0]!.fits).toBe(true);
    for (const fix of run.fixes) {
      const keys = Object.fromEntries(Object.entries(fix.set).map(([key, value]) => (key.startsWith('lora.') ? ['lora', { [key.slice(5)]: value }] : [key.slice(6), value])));
      const after = await planOf({ ...changes, ...keys }, memory * GIB);
      expect(after.total).toBe(fix.total);
      expect(after.fits).toBe(fix.fits);
      expect(after.total).toBeLessThan(run.total);
    }
  });

test('a run that cannot fit is refused before a row is read, with what would help', async () => {
  const output = mkdtempSync(join(tmpdir(), 'whetstone-plan-'));
  try {
    const run = train({
      model: join(packageRoot(), 'models', 'pebble'), data: { train: join(output, 'there-is-no-such-file.jsonl') }, output: join(output, 'run'), device: 'cpu',
      train: { batchTokens: 16_000_000, steps: 1 },
    });
    await expect(run.result).rejects.toMatchObject({
      code: 'ERR_OUT_OF_MEMORY', message: expect.stringMatching(/the run needs .* on cpu but only .*\n {2}train\.batchTokens=\d+ train\.accumulation=\d+ .*Largest parts:/s),
    });
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
});

test('amounts of memory are read as people write them', () => {
  expect(['80GiB', '24 gb', '16000000000', '1.5TiB'].map(parseBytes)).toEqual([80 * GIB, 24e9, 16e9, 1.5 * 2 ** 40]);
  for (const wrong of ['', 'much', '0GiB', '-3GB', '5 apples']) expect(() => parseBytes(wrong)).toThrow(/expected an amount such as 80GiB/);
});
