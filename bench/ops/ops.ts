// Every operation of a model's shape on one device, checked and then timed as `whetstone bench` does it; one result an
// operation. --device cpu | cuda, --shapes a,b, --ops a,b, --dtype, --tokens, --sequence, --rank, --threads, --runs.
import { BENCH_SHAPES, benchOps } from '../../lib/engine/bench.js';
import { cpuName, option, report } from '../harness.js';

const device = option('device', 'cpu');
const gpu = device !== 'cpu';
const tokens = Number(option('tokens', gpu ? '8192' : '512'));
const sequence = Number(option('sequence', String(Math.min(tokens, gpu ? 4096 : 512))));
const dtype = option('dtype', gpu ? 'bf16' : 'f32') as 'f32' | 'bf16';
const threads = Number(option('threads', '0')), rank = Number(option('rank', '16'));
const round = (value: number | null, digits: number): number | null => (value === null ? null : Number(value.toPrecision(digits)));

for (const shape of option('shapes', gpu ? 'llama3-8b' : 'smollm2-135m').split(',')) {
  const spec = BENCH_SHAPES[shape];
  if (spec === undefined) throw new Error(`--shapes: expected names of ${Object.keys(BENCH_SHAPES).join(', ')}, got ${shape}`);
  const result = await benchOps({
    device, dtype, threads, spec, tokens, sequence, rank, ops: option('ops', '').split(',').filter((name) => name !== ''), runs: Number(option('runs', '20')),
  });
  const wrong = result.ops.filter((op) => !op.right);
  if (wrong.length > 0) throw new Error(`wrong results, nothing is kept: ${wrong.map(({ op, error }) => `${op} (${error})`).join(', ')}`);
  for (const op of result.ops) {
    report({
      case: `ops/${op.op}`, model: shape, shape: op.shape, dtype, tokens, sequence, rank, device: gpu ? result.device : cpuName(), error: round(op.error, 2),
      medianMs: round(op.medianMs, 5), p95Ms: round(op.p95Ms, 5), runs: op.runs, tflops: round(op.tflops, 4), gbs: round(op.gbs, 4),
      roofline: round(op.roofline, 3), ceilingTflops: round(result.ceilings.tflops, 4), ceilingGbs: round(result.ceilings.gbs, 4),
    });
  }
}
