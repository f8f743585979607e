// Resident memory while a large file streams through: every reader and format check over 1 GB of rows, in a process of its
// own whose peak the kernel tells (VmHWM). The goal is 300 MB.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRecords } from '../../lib/data/records.js';
import { openSource } from '../../lib/data/source.js';
import { option, report } from '../harness.js';

const child = option('child', '');
if (child !== '') {
  const begin = performance.now();
  let [rows, bad] = [0, 0];
  const onBad = (): void => { bad++; };
  for await (const batch of (await openRecords(await openSource(child, { onBad }), { onBad })).batches()) rows += batch.records.length;
  const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  process.stdout.write(JSON.stringify({ rows, bad, peakMb: Math.round(peak), seconds: Math.round((performance.now() - begin) / 100) / 10 }));
} else {
  const bytes = Number(option('megabytes', '1000')) * 1e6;
  const folder = mkdtempSync(join(option('folder', tmpdir()), 'whetstone-bench-'));
  const text = (i: number): string => `${'The quick brown fox – jumps over, "the" lazy dog. '.repeat(4 + i % 30)}${i}`;
  const line: Readonly<Record<string, (i: number) => string>> = {
    'rows.jsonl': (i) => (i % 5000 === 4999 ? '{"broken": \n' : `${JSON.stringify({ prompt: text(i), completion: text(i + 7) })}\n`),
    'rows.csv': (i) => `"${text(i).replaceAll('"', '""')}","${text(i + 7).replaceAll('"', '""')}"\n`,
    'rows.json': (i) => `${i === 0 ? '[' : ','}${JSON.stringify({ prompt: text(i), completion: text(i + 7) })}\n`,
  };
  try {
    for (const [name, make] of Object.entries(line)) {
      const file = join(folder, name);
      const out = openSync(file, 'w');
      let size = 0;
      if (name.endsWith('.csv')) size += writeSync(out, 'prompt,completion\n');
      for (let i = 0; size < bytes;) {
        let block = '';
        for (const end = i + 500; i < end; i++) block += make(i);
        size += writeSync(out, block);
      }
      if (name.endsWith('.json')) writeSync(out, ']');
      closeSync(out);
      const run = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), '--child', file], { encoding: 'utf8' });
      if (run.status !== 0) throw new Error(run.stderr);
      const result = JSON.parse(run.stdout) as { rows: number; bad: number; peakMb: number; seconds: number };
      report({ case: `data/memory ${name}`, megabytes: Math.round(size / 1e6), ...result, mbPerSecond: Math.round(size / 1e5 / result.seconds) / 10, load: Math.round(loadavg()[0]!) });
      rmSync(file);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
