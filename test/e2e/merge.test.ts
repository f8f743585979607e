// A merged model says what the base says with the adapter.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haveStories, STORIES, whetstone, WHY_SKIPPED, writeRows } from './support.js';

const describeHere = haveStories ? describe : describe.skip;

describeHere(haveStories ? 'merge' : `merge (skipped: ${WHY_SKIPPED})`, () => {
  test('has the loss of model and adapter', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'whetstone-merge-'));
    try {
      const rows = writeRows(join(folder, 'rows.jsonl'), 20);
      const config = join(folder, 'run.yaml');
      writeFileSync(config, `model: ${STORIES}\ndata: {train: ${rows}}\nlora: {r: 4, useRslora: true}\ntrain: {steps: 10, learningRate: 0.005, batchTokens: 512}\n` +
        `output: ${join(folder, 'run')}\ndevice: cpu\nthreads: 1\n`);
      const json = async (...args: string[]): Promise<Record<string, unknown>> => {
        const { code, out, err } = await whetstone(folder, ...args, '--json').done;
        if (code !== 0) throw new Error(err);
        return JSON.parse(out) as Record<string, unknown>;
      };
      const { adapter } = await json('train', config);
      await json('merge', '--model', STORIES, '--adapter', String(adapter), '--output', join(folder, 'merged'));
      const apart = await json('eval', '--model', STORIES, '--adapter', String(adapter), '--data', rows, '--device', 'cpu');
      const merged = await json('eval', '--model', join(folder, 'merged'), '--data', rows, '--device', 'cpu');
      const base = await json('eval', '--model', STORIES, '--data', rows, '--device', 'cpu');
      expect(merged['loss'] as number).toBeCloseTo(apart['loss'] as number, 4);
      expect(base['loss'] as number).toBeGreaterThan((merged['loss'] as number) + 0.5);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
