// What generation in the loop costs: the same run on the embedded model with and without answers at its validations, in
// turns. The share is of the processor time of the whole run, which other work on the machine disturbs less than the clock. Usage: npm run bench -- eval/loop [--rounds 3] [--steps 60]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { train } from '../../lib/train/train.js';
import { option, report, root, summarize } from '../harness.js';

const folder = mkdtempSync(join(tmpdir(), 'whetstone-loop-'));
process.env['XDG_CACHE_HOME'] = folder;
const steps = Number(option('steps', '60'));
const lines = readFileSync(join(root, 'data/quickstart/train.jsonl'), 'utf8').split('\n').filter(Boolean);
writeFileSync(join(folder, 'train.jsonl'), lines.slice(0, 2000).join('\n'));
writeFileSync(join(folder, 'valid.jsonl'), lines.slice(2000, 2100).join('\n'));

async function run(rows: number): Promise<number> {
  const began = process.cpuUsage();
  await train({
    model: join(root, 'models/pebble'), data: { train: join(folder, 'train.jsonl'), valid: join(folder, 'valid.jsonl') },
    train: { steps, batchTokens: 1024, validEvery: steps / 3, restoreBest: false }, generate: { rows, maxNewTokens: 32 }, output: join(folder, 'run'), device: 'cpu',
  }, { overwrite: true }).result;
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

try {
  await run(0);
  const times: { readonly plain: number[]; readonly loop: number[] } = { plain: [], loop: [] };
  for (let i = 0; i < Number(option('rounds', '3')); i++) {
    times.plain.push(await run(0));
    times.loop.push(await run(16));
  }
  const [plain, loop] = [summarize(times.plain), summarize(times.loop)];
  report({
    case: 'eval/loop', steps, validations: 4, rows: 16, maxNewTokens: 32, cpuSeconds: loop.median, spread: loop.spread, rounds: times.loop.length,
    peer: 'the same run without generation', peerCpuSeconds: plain.median, peerSpread: plain.spread, share: 1 - plain.median / loop.median, shared: option('shared', 'no'),
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
