// How fast rows come off the disk, beside csv-parse on the same bytes in the same run: MB/s of JSON Lines, CSV, TSV and
// their compressed forms, rows made up like instructions with answers. Checked: both give the same rows.
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse';
import { openSource } from '../../lib/data/source.js';
import { option, report, summarize, time } from '../harness.js';

const megabytes = Number(option('megabytes', '16'));
const folder = mkdtempSync(join(tmpdir(), 'whetstone-bench-'));

function rows(): { prompt: string; completion: string }[] {
  const made = [];
  for (let size = 0, i = 0; size < megabytes * 1e6; i++) {
    const prompt = `Question ${i}: "How many", she asked, does ${'one word and another '.repeat(5 + i % 40)}?`;
    const completion = `${'Step by step, the answer – é – is found.\n'.repeat(2 + i % 9)}#### ${i}`;
    made.push({ prompt, completion });
    size += prompt.length + completion.length;
  }
  return made;
}

const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;

async function readOwn(file: string): Promise<number> {
  let characters = 0;
  for await (const batch of (await openSource(file)).batches()) for (const { value } of batch) characters += String(value.prompt).length + String(value.completion).length;
  return characters;
}

async function readPeer(file: string): Promise<number> {
  let characters = 0;
  const parser = createReadStream(file, { highWaterMark: 256 * 1024 }).pipe(parse({ columns: true }));
  for await (const row of parser as AsyncIterable<{ prompt: string; completion: string }>) characters += row.prompt.length + row.completion.length;
  return characters;
}

try {
  const made = rows();
  const jsonl = made.map((row) => JSON.stringify(row)).join('\n');
  const csv = ['prompt,completion', ...made.map(({ prompt, completion }) => `${quote(prompt)},${quote(completion)}`)].join('\n');
  const plain = ['prompt,completion', ...made.map(({ prompt, completion }) => `${prompt.replaceAll(/[",]/g, '')},${completion.replaceAll(/[\n,]/g, ' ')}`)].join('\n');
  const contents: Readonly<Record<string, string | Uint8Array>> = {
    'rows.jsonl': jsonl, 'rows.json': JSON.stringify(made), 'quoted.csv': csv, 'plain.csv': plain, 'rows.jsonl.gz': gzipSync(jsonl, { level: 6 }),
  };
  for (const [name, content] of Object.entries(contents)) {
    const file = join(folder, name);
    writeFileSync(file, content);
    const size = name.endsWith('.gz') ? Buffer.byteLength(jsonl) : statSync(file).size;
    const own: number[] = [];
    const peer: number[] = [];
    const withPeer = name.endsWith('.csv');
    const expected = await readOwn(file);
    if (withPeer && (await readPeer(file)) !== expected) throw new Error(`${name}: the two readers disagree`);
    for (let run = 0; run < 20; run++) {
      own.push(...(await time(() => readOwn(file), { warmup: run === 0 ? 2 : 0, runs: 1 })));
      if (withPeer) peer.push(...(await time(() => readPeer(file), { warmup: run === 0 ? 2 : 0, runs: 1 })));
    }
    const rate = (times: readonly number[]): number => Math.round(size / summarize(times).median / 100) / 10;
    report({
      case: `data/read ${name}`, megabytes: Math.round(size / 1e5) / 10, mbPerSecond: rate(own), spread: summarize(own).spread, runs: 20, load: Math.round(loadavg()[0]!),
      ...(withPeer ? { peer: 'csv-parse 7.0.3', peerMbPerSecond: rate(peer), ratio: Math.round(100 * summarize(peer).median / summarize(own).median) / 100 } : {}),
    });
  }
} finally {
  rmSync(folder, { recursive: true });
}
