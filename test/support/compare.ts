// Holds a backend's operation against the oracle: two errors for every output, the budget of each, the same bits
// twice, nothing written out of place.
import type { OpCase } from './calls.js';
import {
  type Dtype,
  type OpCall,
  type OpResult,
  type Store,
  type Target,
  decode,
  dtypeOf,
  encode,
  isas,
  outputsOf,
  rounded,
  runOp,
} from './door.js';
import { TOP_BUDGET, topRegret } from './top1.js';

export interface Errors {
  /** |got - want| / |want| */
  readonly norm: number;
  /** Largest deviation over the root mean square of what was wanted. */
  readonly largest: number;
}

const { abs, max, sqrt } = Math; // looked up once: jest's global object is slow

/** NaN anywhere makes both NaN, which no budget admits. */
export function errorsOf(got: ArrayLike<number>, want: ArrayLike<number>): Errors {
  let difference = 0;
  let size = 0;
  let largest = 0;
  for (let i = 0; i < want.length; ++i) {
    const [g, w] = [got[i]!, want[i]!];
    const d = g === w ? 0 : g - w; // equal infinities differ by 0
    difference += d * d;
    size += w * w;
    largest = max(largest, abs(d)); // NaN stays NaN
  }
  const scale = size > 0 ? size : 1;
  return { norm: sqrt(difference / scale), largest: largest / sqrt(scale / max(1, want.length)) };
}

function worst(a: Errors, b: Errors): Errors {
  return { norm: max(a.norm, b.norm), largest: max(a.largest, b.largest) };
}

const lengthOf = (values: ArrayLike<number>): number => sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0));

/** A total may hit the truth by luck where its parts do not: their errors count, added in quadrature. */
function totalErrors(ofParts: Errors, parts: ArrayLike<number>, totals: ArrayLike<number>): Errors {
  const norm = (ofParts.norm * lengthOf(parts)) / (lengthOf(totals) || 1);
  return { norm, largest: norm * sqrt(max(1, totals.length)) };
}

function stored(values: Float64Array, dtype: Dtype): Float64Array {
  return decode(encode(values, dtype), dtype);
}

type Outputs = Readonly<Record<string, Float64Array>>;

/** Names of outputs that are not the same, bit for bit. (jest's own equality takes seconds on long arrays.) */
export function differing(got: Outputs, want: Outputs): readonly string[] {
  const bytes = (x: Float64Array) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
  return Object.keys(want).filter((name) => Buffer.compare(bytes(got[name]!), bytes(want[name]!)) !== 0);
}

export interface Truth {
  readonly call: OpCall;
  readonly want: Outputs;
  /** What plain code in the candidate's types loses; sums and what lies between two products stay in f32. */
  readonly plain: Losses;
  /** The same where what lies between two products is kept in bf16 as well, as the usual framework keeps it. */
  readonly framework: () => Losses;
}

type Losses = Readonly<Record<string, Errors>>;

/** What the oracle says of a call with inputs that `store` can hold, and what plain code in that type loses. */
export function truthOf(original: OpCall, store: Store): Truth {
  const call = rounded(original, store);
  const want = outputsOf(call, { backend: 'oracle' }, 'f64');
  const lossesOf = (backend: string): Losses => {
    const run = runOp(call, { backend }, store); // where it refuses the type, rounding alone counts
    const losses = Object.fromEntries(
      Object.entries(want).map(([name, values]) => {
        const rounding = errorsOf(stored(values, dtypeOf(call.buffers[name]!.kind, store)), values);
        return [name, run.status === 'ok' ? worst(rounding, errorsOf(run.outputs[name]!, values)) : rounding];
      }),
    );
    const { rowLoss, lossSum } = want;
    if (rowLoss === undefined || lossSum === undefined) return losses;
    return { ...losses, lossSum: worst(losses['lossSum']!, totalErrors(losses['rowLoss']!, rowLoss, lossSum)) };
  };
  const plain = lossesOf('oracle');
  let known: Losses | undefined;
  const framework = (): Losses => (known ??= store === 'bf16' ? lossesOf('plain') : plain);
  return { call, want, plain, framework };
}

export interface Judged {
  readonly name: string;
  readonly error: Errors;
  readonly plain: Errors;
  readonly budget: Errors;
}

export interface Verdict extends Omit<OpResult, 'outputs'> {
  readonly outputs: readonly Judged[];
}

const budgetOf = (error: number): number => 2 * error + 1e-6;

/**
 * Runs the candidate twice; its errors beside its budget, 2 e_plain + 1e-6. Nothing is judged when it refuses. The CPU
 * keeps in f32 what lies between products, and is held to that; a plugin may keep it in bf16, as the framework does.
 */
export function verdictOf(truth: Truth, target: Target, store: Store): Verdict {
  const { outputs, ...result } = runOp(truth.call, target, store, 2);
  const losses = target.backend === 'cpu' ? truth.plain : truth.framework();
  const judged =
    result.status !== 'ok'
      ? []
      : Object.entries(truth.want).map(([name, want]) => {
          const plain = losses[name]!;
          const budget = { norm: budgetOf(plain.norm), largest: budgetOf(plain.largest) };
          const error = errorsOf(outputs[name]!, want);
          if (name !== 'rowTop1' || store !== 'bf16' || target.backend === 'cpu' || error.norm === 0) return { name, error, plain, budget };
          const regret = topRegret(truth.call, outputs[name]!);
          return { name, error: { norm: regret, largest: regret }, plain, budget: { norm: TOP_BUDGET, largest: TOP_BUDGET } };
        });
  return { ...result, outputs: judged };
}

export function expectAsOracle(truth: Truth, target: Target, store: Store): void {
  const { status, message, broken, repeats, outputs } = verdictOf(truth, target, store);
  expect(`${status} ${message}`).toBe('ok ');
  expect(broken).toEqual([]);
  expect(repeats).toBe(true);
  for (const { name, error, plain, budget } of outputs) {
    if (!(error.norm <= budget.norm && error.largest <= budget.largest)) {
      console.error(`${truth.call.op}, ${name} on ${target.backend} ${target.isa ?? ''}`, { error, plain });
    }
    expect(error.norm).toBeLessThanOrEqual(budget.norm);
    expect(error.largest).toBeLessThanOrEqual(budget.largest);
  }
}

/**
 * Every backend on this machine: the CPU with each of its instruction sets, on one and on three threads, and the CUDA
 * plugin that WHETSTONE_CUDA_PLUGIN names, if any.
 */
export function targets(): readonly Target[] {
  const cpu = isas().flatMap((isa) => [1, 3].map((threads) => ({ backend: 'cpu', isa, threads })));
  const plugin = process.env['WHETSTONE_CUDA_PLUGIN'];
  return plugin === undefined || plugin === '' ? cpu : [...cpu, { backend: plugin }];
}

/** One test for each case and storage type: every target against the oracle, and the same bits for any threads. */
export function testAsOracle(cases: readonly OpCase[], stores: readonly Store[] = ['f32', 'bf16']): void {
  const rows = cases.flatMap((each) => stores.map((store) => [each.name, store, each] as const));
  test.each(rows)('%s in %s is what the oracle says', (_name, store, each) => {
    const truth = truthOf(each.make(), store);
    for (const target of targets()) expectAsOracle(truth, target, store);
  });
}

/** The results of these operations do not depend on the number of threads, to the bit. */
export function testThreadIndependence(cases: readonly OpCase[], store: Store = 'f32'): void {
  test.each(cases.map((each) => [each.name, each] as const))(
    '%s gives the same bits on 1, 2, 3 and 7 threads',
    (_name, each) => {
      const call = rounded(each.make(), store);
      const one = outputsOf(call, { backend: 'cpu', threads: 1 }, store);
      for (const threads of [2, 3, 7])
        expect(differing(outputsOf(call, { backend: 'cpu', threads }, store), one)).toEqual([]);
    },
  );
}
