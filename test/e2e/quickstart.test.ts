// The quickstart for a few updates: it measures before and after on held-out words beside the baseline, and leaves a
// PEFT folder, a curve and metrics. What a whole run reaches is in docs/pebble.md.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, whetstone } from './support.js';

const ready = existsSync(join(root, 'models/pebble/model.safetensors'));

(ready ? test : test.skip)('the quickstart learns, measures, and says where things lie', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-quickstart-'));
  try {
    const output = join(folder, 'run');
    const { code, out, err } = await whetstone(folder, 'quickstart', '--steps', '6', '--output', output, '--device', 'cpu', '--json').done;
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const result = JSON.parse(out) as Record<'before' | 'after' | 'naive', { rate: number; pairs: number }> & { steps: number; adapter: string };
    expect(result.steps).toBe(6);
    expect(result.naive.rate).toBeCloseTo(0.407, 3);
    expect(result.before.rate).toBeGreaterThan(1);
    expect(result.after.rate).toBeLessThan(result.before.rate);
    expect(new Set([result.before.pairs, result.after.pairs, result.naive.pairs])).toEqual(new Set([262]));
    for (const name of ['adapter/adapter_model.safetensors', 'adapter/adapter_config.json', 'curve.svg', 'metrics.jsonl']) {
      expect(existsSync(join(output, name))).toBe(true);
    }
    expect(err).toMatch(/update 6\/6 .*tokens\/s .*left/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
