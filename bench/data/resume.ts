// Going on at any place of 60 million rows: the index is made once over a real file, then plans begin at cursors far apart
// and the time to their first batch is taken. Checked: the batch is the one that an undisturbed run gives there.
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { RowIndex } from '../../lib/data/row-index.js';
import { MixPlan } from '../../lib/pack/mix-plan.js';
import type { MixCursor, MixedBatch } from '../../lib/pack/mix-plan.js';
import { option, report, summarize } from '../harness.js';

const rows = Number(option('rows', '60000000'));
const folder = mkdtempSync(join(option('folder', tmpdir()), 'whetstone-bench-'));
try {
  const file = join(folder, 'rows.jsonl');
  const out = openSync(file, 'w');
  for (let i = 0; i < rows;) {
    let block = '';
    for (const end = Math.min(rows, i + 20_000); i < end; i++) block += `{"t":${i}}\n`;
    writeSync(out, block);
  }
  closeSync(out);
  const begin = performance.now();
  await (await RowIndex.open([file], { folder })).close();
  const indexSeconds = (performance.now() - begin) / 1000;

  const open = async () => {
    const index = await RowIndex.open([file], { folder });
    const plan = new MixPlan([{
      name: 'rows', length: index.length, order: (seed, pass) => index.order(seed, pass), meanTokens: 64,
      // A sequence made up from the row, so that only finding and reading rows is measured.
      load: async (numbers) => (await index.read(numbers)).map((row) => {
        const token = 'value' in row ? Number(row.value.t) % 1000 : 0;
        const tokens = new Int32Array(8 + token % 100).fill(token);
        return [{ tokens, labels: tokens, row: 0 }];
      }),
    }], { mode: 'union', batchTokens: 2048, seed: 7 });
    return { index, plan };
  };
  const take = async (plan: MixPlan, count: number, from: MixCursor): Promise<MixedBatch[]> => {
    const found: MixedBatch[] = [];
    for await (const batch of plan.batches(from)) if (found.push(batch) === count) break;
    return found;
  };
  const times: number[] = [];
  for (let run = 0; run < 20; run++) {
    const drawn = Math.floor(rows * (run + 0.5) / 10); // into the second pass
    const first = await open();
    const start: MixCursor = { ...first.plan.start, state: { drawn: [drawn], tokens: [drawn * 58], owed: [0] } };
    const undisturbed = await take(first.plan, 25, start);
    await first.index.close();
    const cursor = JSON.parse(JSON.stringify(undisturbed[22]!.after)) as MixCursor;
    const before = performance.now();
    const { index, plan } = await open();
    const [next] = await take(plan, 1, cursor);
    times.push(performance.now() - before);
    await index.close();
    if (next!.batch.tokens.join() !== undisturbed[23]!.batch.tokens.join()) throw new Error(`another batch after ${drawn} rows`);
  }
  const { median, spread } = summarize(times);
  report({
    case: 'data/resume', rows, megabytes: Math.round(statSync(file).size / 1e6), indexSeconds: Math.round(10 * indexSeconds) / 10,
    resumeMs: Math.round(median), worstMs: Math.round(Math.max(...times)), spread, runs: 20, load: Math.round(loadavg()[0]!),
  });
} finally {
  rmSync(folder, { recursive: true });
}
