// The linear with adapters on every backend, against the oracle; its packed weights, its bits, its adapters' isolation.
import { linear, linearBwd, linearBwdCall, linearCall, linearShapes } from '../support/cases/linear.js';
import { differing, targets, testAsOracle, testThreadIndependence } from '../support/compare.js';
import { type OpCall, outputsOf, runOp } from '../support/door.js';
import { philox } from '../support/philox.js';

describe('linear', () => { testAsOracle(linear); });
describe('linear backward', () => { testAsOracle(linearBwd); });
describe('linear, threads', () => { testThreadIndependence([...linear, ...linearBwd]); });
describe('linear, threads, bf16', () => { testThreadIndependence([...linear.slice(-4), ...linearBwd.slice(-4)], 'bf16'); });

const shape = (name: string) => linearShapes.find((s) => s.name === name)!;
const stores = ['f32', 'bf16'] as const;

test.each(stores)('packed weights give the bits that plain weights give (%s)', (store) => {
  for (const name of ['primes', 'depth of several blocks', 'two rows, plain weight']) {
    for (const make of [linearCall, linearBwdCall]) {
      for (const target of targets()) {
        const [plain, packed] = [false, true].map((p) => outputsOf(make({ ...shape(name), packed: p }, 1), target, store));
        expect(differing(packed!, plain!)).toEqual([]);
      }
    }
  }
});

/** The call with some rows of x and dy (and u) replaced by `value`. */
function poisoned(call: OpCall, from: number, to: number, value: number): OpCall {
  const rows = (call.args[0]!['x'] as { shape: readonly number[] }).shape[0]!;
  const buffers = Object.fromEntries(Object.entries(call.buffers).map(([name, b]) => {
    if (b.role !== 'in' || !/^(x|dy\d|u\d)$/.test(name)) return [name, b];
    const width = b.length / rows;
    return [name, { ...b, values: Float64Array.from(b.values!, (v, i) => (i >= from * width && i < to * width ? value : v)) }];
  }));
  return { ...call, buffers };
}

// Segments: 8 rows of slot 0, 5 without adapter, 9 of slot 1, 7 of slot 0. Tiles of every instruction set are crossed.
test.each([[13, 22, 1, NaN], [13, 22, 1, 1e30], [8, 13, -1, Infinity]])('rows %i to %i (slot %i) full of %p change no other row and no other adapter',
  (from, to, slot, value) => {
    const s = { ...shape('a slot with two segments'), N: [50, 33], add: false };
    for (const target of targets()) {
      const clean = outputsOf(linearCall(s, 1), target, 'f32');
      const dirty = outputsOf(poisoned(linearCall(s, 1), from, to, value), target, 'f32');
      const others = (values: Float64Array) => Array.from(values).filter((_, i) => {
        const row = Math.floor(i / (values.length / 29));
        return row < from || row >= to;
      });
      for (const name of Object.keys(clean)) expect(others(dirty[name]!)).toEqual(others(clean[name]!));
      const cleanBwd = outputsOf(linearBwdCall(s, 1), target, 'f32');
      const dirtyBwd = outputsOf(poisoned(linearBwdCall(s, 1), from, to, value), target, 'f32');
      expect(others(dirtyBwd['dx']!)).toEqual(others(cleanBwd['dx']!));
      for (const name of ['gradients0', 'gradients1']) {
        const slab = cleanBwd[name]!.length / 3;
        for (const other of [0, 1, 2].filter((o) => o !== slot)) {
          expect(dirtyBwd[name]!.slice(other * slab, (other + 1) * slab)).toEqual(cleanBwd[name]!.slice(other * slab, (other + 1) * slab));
        }
      }
    }
  });

test('a row gives the same bits alone and among others', () => {
  const many = { ...shape('depth of several blocks'), packed: true };
  for (const target of targets()) {
    for (const store of stores) {
      const call = linearCall(many, 1);
      const all = outputsOf(call, target, store)['y0']!;
      const x = Float64Array.from(call.buffers['x']!.values!);
      for (const row of [0, 5, 13, 30]) {
        const given = { ...Object.fromEntries(Object.entries(call.buffers).flatMap(([n, b]) => (b.values === undefined ? [] : [[n, b.values]]))),
          x: x.slice(row * many.K, (row + 1) * many.K) };
        const one = outputsOf(linearCall({ ...many, segments: [[1, 0]] }, 1, given), target, store)['y0']!;
        expect(one).toEqual(all.slice(row * many.N[0]!, (row + 1) * many.N[0]!));
      }
    }
  }
});

test('dropout keeps what the contract draws: u of ones times an A of ones counts the kept columns', () => {
  const s = { name: '', K: 77, N: [1], rank: 16, segments: [[2, 1], [3, 0], [1, 1]] as const, drop: [0.3, 0.5, 0] as const };
  const call = linearCall(s, 1);
  const ones = Object.fromEntries(['x', 'slabs0'].map((n) => [n, new Float64Array(call.buffers[n]!.length).fill(1)]));
  const of = [[1, 0, 0.5, 0x123456789abcdefn, 7], [1, 1, 0.5, 0x123456789abcdefn, 7], [0, 0, 0.3, 1n, 0], [0, 1, 0.3, 1n, 0], [0, 2, 0.3, 1n, 0],
    [1, 2, 0.5, 0x123456789abcdefn, 7]] as const; // slot, row of the slot, p, seed, tick
  for (const target of [...targets(), { backend: 'oracle' }]) {
    const u = outputsOf(linearCall(s, 1, ones), target, target.backend === 'oracle' ? 'f64' : 'f32')['u0']!;
    of.forEach(([, row, p, seed, tick], t) => {
      let kept = 0;
      const threshold = Math.round(Math.fround(p) * 65536);
      for (let k = 0; k < s.K; ++k) {
        const draw = (philox(seed, [k >> 3, row, 3, tick], 7)[(k & 7) >> 1]! >>> ((k & 1) * 16)) & 0xffff;
        kept += draw >= threshold ? 1 : 0;
      }
      expect(u[t * 16]).toBeCloseTo(kept * 65536 / (65536 - threshold), 3);
    });
  }
});

describe('refuses', () => {
  const target = { backend: 'cpu' };
  const base = linearCall(shape('primes'), 1);
  const withFirst = (call: OpCall, change: object): OpCall => ({ ...call, args: [{ ...call.args[0]!, ...change }, ...call.args.slice(1)] });
  test.each<readonly [string, OpCall, RegExp]>([
    ['a rank that is not padded', withFirst(base, { pair: { ...(base.args[0]!['pair'] as object), rank: 8 } }), /multiple of 16|expected u/],
    ['a weight packed for forward only', (() => {
      const call = linearBwdCall(shape('primes'), 1);
      return withFirst(call, { w: { ...(call.args[0]!['w'] as object), uses: 1 } });
    })(), /packed for dx by this device or plain codes, got neither/],
    ['an overwrite after the first sibling', (() => {
      const call = linearBwdCall(shape('primes'), 1);
      return { ...call, args: call.args.map((args) => ({ ...args, dxWrite: 0 })) };
    })(), /LORA_ADD for every sibling but the first/],
  ])('%s', (_name, call, message) => {
    const result = runOp(call, target, 'f32');
    expect(result.message).toMatch(message);
    expect(result.status).toBe('invalid');
  });
});
