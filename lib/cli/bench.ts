// `whetstone bench`: how fast the operations of a model run on this machine, and whether they are right.

import { BENCH_SHAPES, benchOps } from '../engine/bench.js';
import type { BenchReport } from '../engine/bench.js';
import { EngineError } from '../errors.js';
import { resolveDevice } from '../train/open.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

interface Options {
  readonly device: string;
  readonly dtype?: 'f32' | 'bf16';
  readonly threads: number;
  readonly shapes?: readonly string[];
  readonly ops?: readonly string[];
  readonly tokens?: number;
  readonly sequence?: number;
  readonly rank: number;
  readonly runs: number;
}

const names = (given: readonly string[] | undefined): readonly string[] => given?.flatMap((text) => text.split(',')).filter((name) => name !== '') ?? [];
const fixed = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits));

export async function benchCommand(output: Output, options: Options): Promise<number> {
  const device = await resolveDevice(options.device);
  const gpu = device !== 'cpu';
  const shapes = names(options.shapes);
  const tokens = options.tokens ?? (gpu ? 8192 : 512);
  const reports: (BenchReport & { readonly shape: string; readonly dtype: string; readonly tokens: number; readonly sequence: number })[] = [];
  for (const shape of shapes.length > 0 ? shapes : [gpu ? 'llama3-8b' : 'smollm2-135m']) {
    const spec = BENCH_SHAPES[shape];
    if (spec === undefined) {
      const expected = Object.keys(BENCH_SHAPES).join(', ');
      throw new EngineError(`--shapes: expected names of ${expected}, got ${shape}`, { code: 'ERR_INVALID_ARGUMENT', argument: 'shapes', expected, received: shape });
    }
    const dtype = options.dtype ?? (gpu ? 'bf16' : 'f32');
    const sequence = options.sequence ?? Math.min(tokens, gpu ? 4096 : 512);
    output.say(`${shape}, ${dtype}, ${tokens} tokens in sequences of ${sequence}, r = ${options.rank}`);
    const report = await benchOps({
      device, dtype, threads: options.threads, spec, tokens, sequence, rank: options.rank, ops: names(options.ops), runs: options.runs,
    });
    reports.push({ ...report, shape, dtype, tokens, sequence });
    if (!output.json) output.say(`${tableOf(report)}\n`);
  }
  const right = reports.every(({ ops }) => ops.every((op) => op.right));
  output.result({ right, reports }, right ? 'All operations were right.' : 'Some operations were wrong; they were not timed.');
  return right ? EXIT.ok : EXIT.unexpected;
}

function tableOf(report: BenchReport): string {
  const rows = [['operation', 'shape', 'error', 'median ms', 'p95 ms', 'TFLOP/s', 'GB/s', 'of roofline'], ...report.ops.map((op) => [
    op.op, op.shape, op.right ? op.error.toExponential(0) : `${op.error.toExponential(1)} WRONG`, fixed(op.medianMs, 3), fixed(op.p95Ms, 3),
    fixed(op.tflops, report.ceilings.tflops < 10 ? 3 : 0), fixed(op.gbs, 1), op.roofline === null ? '–' : `${(100 * op.roofline).toFixed(0)} %`,
  ])];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) => row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '));
  return [`${report.device} (${report.detail}): products up to ${report.ceilings.tflops.toFixed(report.ceilings.tflops < 10 ? 3 : 0)} TFLOP/s, copies ${report.ceilings.gbs.toFixed(1)} GB/s`,
    ...lines].join('\n');
}
