// Encodes some records into flat tables: the unit of work of a worker, also used without workers.
import type { Sequence } from '../batch.js';
import type { DataRecord } from '../record.js';
import type { RecordEncoder } from './encode.js';
import { EMPTY_REPORT, type EncodedBatch, type EncodeReport } from './encoded-set.js';

export function encodeBatch(encoder: RecordEncoder, records: readonly DataRecord[]): EncodedBatch {
  const count: { -readonly [K in keyof EncodeReport]: number } = { ...EMPTY_REPORT, rows: records.length };
  const kept: Sequence[] = [];
  for (const record of records) {
    const { outcome, sequence, straddles } = encoder.encode(record);
    if (straddles) count.straddling++;
    if (outcome === 'too-long') count.tooLong++;
    else if (outcome === 'weightless') count.weightless++;
    else if (outcome === 'truncated') count.truncated++;
    if (sequence !== undefined) kept.push(sequence);
  }
  count.kept = kept.length;
  count.tokens = kept.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const tokens = new Int32Array(count.tokens);
  const runCounts = new Int32Array(kept.length);
  const runs: number[] = [];
  const runWeights: number[] = [];
  let at = 0;
  kept.forEach((sequence, i) => {
    tokens.set(sequence.tokens, at);
    at += sequence.tokens.length;
    const before = runWeights.length;
    for (const run of runsOf(sequence)) {
      runs.push(run.begin, run.end);
      runWeights.push(run.weight);
      count.scored += run.end - run.begin;
    }
    runCounts[i] = runWeights.length - before;
  });
  return {
    tokens,
    report: count,
    tables: {
      lengths: Int32Array.from(kept, (sequence) => sequence.tokens.length),
      rows: Int32Array.from(kept, ({ row }) => row),
      runCounts,
      runs: Int32Array.from(runs),
      runWeights: Float32Array.from(runWeights),
    },
  };
}

function* runsOf({ labels, weights }: Sequence): Generator<{ begin: number; end: number; weight: number }> {
  for (let t = 0; t < labels.length;) {
    if (labels[t] === -1) {
      t++;
      continue;
    }
    const begin = t;
    const weight = weights?.[t] ?? 1;
    while (t < labels.length && labels[t] !== -1 && (weights?.[t] ?? 1) === weight) t++;
    yield { begin, end: t, weight };
  }
}
