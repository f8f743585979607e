// The head's loss on every backend, against the oracle and against numbers that can be said without it.
import { headCall, headLoss, headShapes } from '../support/cases/head-loss.js';
import { differing, targets, testAsOracle, testThreadIndependence } from '../support/compare.js';
import { outputsOf } from '../support/door.js';

describe('head loss', () => { testAsOracle(headLoss); });
describe('head loss, threads', () => { testThreadIndependence(headLoss); });
describe('head loss, threads, bf16', () => { testThreadIndependence(headLoss.slice(4, 7), 'bf16'); });

const shape = (name: string) => headShapes.find((s) => s.name === name)!;
const everywhere = [...targets().map((t) => [t, 'f32'] as const), [{ backend: 'oracle' }, 'f64'] as const];

test('packed weights give the bits that plain weights give', () => {
  for (const target of targets()) {
    for (const store of ['f32', 'bf16'] as const) {
      const [plain, packed] = [false, true].map((p) => outputsOf(headCall({ ...shape('primes'), packed: p }, 1), target, store));
      expect(differing(packed!, plain!)).toEqual([]);
    }
  }
});

test('x of zeros: the loss is log V, the first of equal tokens is the most likely', () => {
  const s = { name: '', D: 8, V: 777, rank: 0, segments: [[6, 1]] as const };
  for (const [target, store] of everywhere) {
    const out = outputsOf(headCall(s, 1, { x: new Float64Array(48), labels: [5, 776, -1, 0, 1, 2] }), target, store);
    expect(Array.from(out['rowTop1']!)).toEqual([0, 0, -1, 0, 0, 0]);
    [0, 1, 3, 4, 5].forEach((t) => expect(out['rowLoss']![t]).toBeCloseTo(Math.log(777), 5));
    expect(out['rowLoss']![2]).toBe(0);
    expect(out['lossSum']![1]).toBeCloseTo(5 * Math.log(777), 4);
    expect(Array.from(out['scored']!)).toEqual([3, 5, 1]);
  }
});

test('equal largest logits in several blocks: the lowest id is the most likely', () => {
  const s = { name: '', D: 1, V: 1500, rank: 0, segments: [[1, -1]] as const };
  const w = new Float64Array(1500).fill(-1);
  for (const id of [700, 300, 1400]) w[id] = 2;
  for (const [target, store] of everywhere) {
    const out = outputsOf(headCall(s, 1, { x: [3], w, labels: [1400] }), target, store);
    expect(out['rowTop1']![0]).toBe(300);
    expect(out['rowLoss']![0]).toBeCloseTo(Math.log(3 + 1497 * Math.exp(-9)), 5);
  }
});

test('an infinite x gives a loss that is not finite, in its own row and slot only', () => {
  const s = shape('segments');
  const call = headCall(s, 1, { labels: new Int32Array(28).fill(3) });
  const x = Float64Array.from(call.buffers['x']!.values!, (v, i) => (i === 9 * 48 + 5 ? Infinity : v)); // the one row of slot 1
  for (const [target, store] of everywhere) {
    const clean = outputsOf(call, target, store);
    const dirty = outputsOf({ ...call, buffers: { ...call.buffers, x: { ...call.buffers['x']!, values: x } } }, target, store);
    expect(Number.isFinite(dirty['rowLoss']![9])).toBe(false);
    expect(Number.isFinite(dirty['lossSum']![1])).toBe(false);
    const others = (values: Float64Array, width: number) => Array.from(values).filter((_, i) => Math.floor(i / width) !== 9);
    expect(others(dirty['rowLoss']!, 1)).toEqual(others(clean['rowLoss']!, 1));
    expect(others(dirty['dx']!, 48)).toEqual(others(clean['dx']!, 48));
    expect([dirty['lossSum']![0], dirty['lossSum']![2]]).toEqual([clean['lossSum']![0], clean['lossSum']![2]]);
    const slab = clean['gradients']!.length / 2;
    expect(dirty['gradients']!.slice(0, slab)).toEqual(clean['gradients']!.slice(0, slab));
  }
});
