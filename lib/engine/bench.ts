// Benchmarks of single operations on one device: correctness first, then times, rates, and the share of what the device
// could do at best by its own measured rates.
import type { ModelSpec, Projection } from '../tensors.js';
import { toNativeOptions } from './arguments.js';
import { findPlugin, probePlugin } from './devices.js';
import { callSite, integer, refuse, typed } from './failure.js';
import { loadAddon } from './native.js';

const plain = { family: 'llama', normEps: 1e-5, tiedHead: true, qkvBias: false, oBias: false, mlpBias: false, qkNorm: false, fusedQkv: false, fusedGateUp: false };
const shape = (layers: number, rest: Pick<ModelSpec, 'vocabulary' | 'width' | 'heads' | 'kvHeads' | 'headWidth' | 'feedForward'> & Partial<ModelSpec>): ModelSpec => ({
  ...plain, layers, window: Array.from({ length: layers }, () => 0),
  rope: { kind: 'default', theta: 5e5, rotaryWidth: rest.headWidth, maxPositions: 131072 }, ...rest,
});

/** Models by their widths alone. */
export const BENCH_SHAPES: Readonly<Record<string, ModelSpec>> = {
  'llama3-8b': shape(32, { tiedHead: false, vocabulary: 128256, width: 4096, heads: 32, kvHeads: 8, headWidth: 128, feedForward: 14336 }),
  'llama3-1b': shape(16, { vocabulary: 128256, width: 2048, heads: 32, kvHeads: 8, headWidth: 64, feedForward: 8192 }),
  'qwen3-0.6b': shape(28, { family: 'qwen3', qkNorm: true, vocabulary: 151936, width: 1024, heads: 16, kvHeads: 8, headWidth: 128, feedForward: 3072 }),
  'smollm2-135m': shape(30, { vocabulary: 49152, width: 576, heads: 9, kvHeads: 3, headWidth: 64, feedForward: 1536 }),
};

export interface BenchOptions {
  /** "cpu", "cuda" or "cuda:<number>". @default "cpu" */
  readonly device?: string;
  readonly dtype?: 'f32' | 'bf16';
  readonly threads?: number;
  readonly spec: ModelSpec;
  /** Rows of the batch. */
  readonly tokens: number;
  /** Length of the sequences packed into it. */
  readonly sequence: number;
  /** @default 16 */
  readonly rank?: number;
  /** Names such as "qkv" or "attention_bwd". @default all */
  readonly ops?: readonly string[];
  /** @default 20 */
  readonly runs?: number;
  /** @default 3 */
  readonly warmup?: number;
}

export interface OpBench {
  readonly op: string;
  readonly shape: string;
  /** Whether the elements that were looked at are right; what is not right is not timed. */
  readonly right: boolean;
  /** Largest difference of those elements over their root mean square. */
  readonly error: number;
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
  readonly tflops: number | null;
  readonly gbs: number | null;
  /** Share of the rate that the measured ceilings allow. */
  readonly roofline: number | null;
  readonly runs: number;
}

export interface BenchReport {
  readonly device: string;
  readonly detail: string;
  /** The best product here, TFLOP/s, and the device's own copy, GB/s, both ways counted. */
  readonly ceilings: { readonly tflops: number; readonly gbs: number };
  readonly ops: readonly OpBench[];
}

function percentile(sorted: readonly number[], part: number): number {
  const place = part * (sorted.length - 1), low = Math.floor(place);
  return sorted[low]! + (sorted[Math.ceil(place)]! - sorted[low]!) * (place - low);
}

/** Operations that are products, of which the fastest is the ceiling of products. */
const PRODUCTS = new Set(['matrix', 'qkv', 'qkv_bwd', 'o', 'o_bwd', 'gate_up', 'gate_up_bwd', 'down', 'down_bwd', 'head_loss']);

export async function benchOps(options: BenchOptions): Promise<BenchReport> {
  const at = callSite(benchOps);
  const { spec } = options;
  const targets: readonly Projection[] = [...(spec.fusedQkv ? ['qkv'] as const : ['q', 'k', 'v'] as const), 'o',
    ...(spec.fusedGateUp ? ['gate_up'] as const : ['gate', 'up'] as const), 'down'];
  const native = toNativeOptions({
    device: options.device ?? 'cpu', dtype: options.dtype ?? 'f32', threads: options.threads ?? 0, spec, weights: [], targets, slots: 1,
    rank: options.rank ?? 16, maxTokens: integer('tokens', options.tokens, 16), maxSequences: options.tokens,
  });
  if (options.tokens % integer('sequence', options.sequence, 1) !== 0) refuse('sequence', `a divisor of ${options.tokens} tokens`, options.sequence);
  let plugin: string | undefined;
  if (native.device === 'cuda') {
    plugin = findPlugin();
    await probePlugin(plugin);
  }
  const report = await typed(loadAddon().bench({ ...native, ...(plugin === undefined ? {} : { plugin }) }, {
    sequence: options.sequence, ops: [...(options.ops ?? [])], warmup: integer('warmup', options.warmup ?? 3, 0), runs: integer('runs', options.runs ?? 20, 1),
  }), at);

  const timed = report.results.map((result) => {
    const sorted = result.milliseconds.toSorted((a, b) => a - b);
    const medianMs = sorted.length === 0 ? null : percentile(sorted, 0.5);
    return {
      result, medianMs, p95Ms: sorted.length === 0 ? null : percentile(sorted, 0.95),
      tflops: medianMs === null ? null : result.flops / medianMs / 1e9, gbs: medianMs === null ? null : result.bytes / medianMs / 1e6,
    };
  });
  const best = (of: 'tflops' | 'gbs', which: (op: string) => boolean): number =>
    Math.max(0, ...timed.filter(({ result }) => which(result.op)).map((one) => one[of] ?? 0));
  const ceilings = { tflops: best('tflops', (op) => PRODUCTS.has(op)), gbs: best('gbs', (op) => op === 'copy') };
  return {
    device: report.device, detail: report.detail, ceilings,
    ops: timed.map(({ result, medianMs, p95Ms, tflops, gbs }) => ({
      op: result.op, shape: result.shape, right: result.error <= result.budget, error: result.error, medianMs, p95Ms, tflops, gbs, runs: result.milliseconds.length,
      roofline: medianMs === null ? null : Math.max(result.flops / ceilings.tflops / 1e9, result.bytes / ceilings.gbs / 1e6) / medianMs,
    })),
  };
}
