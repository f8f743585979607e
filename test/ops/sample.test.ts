// Drawing tokens: exactly what a plain reference draws, in the right proportions, with the rules for ties and masks.
import { sampleCall, type SampleRow } from '../support/cases/sample.js';
import { targets } from '../support/compare.js';
import { outputsOf, runOp, type Target } from '../support/door.js';
import { Random } from '../support/random.js';
import { type Drawn, logprobBudget, mixedDraws, mixedSizes } from '../support/sampling.js';

function draw(rows: readonly SampleRow[], target: Target): readonly Drawn[] {
  const out = outputsOf(sampleCall(rows), target, target.backend === 'oracle' ? 'f64' : 'f32');
  return rows.map((_, q) => ({ token: out['token']![q]!, logprob: out['logprob']![q]! }));
}

const everywhere = [...targets(), { backend: 'oracle' }];

describe.each(everywhere)('$backend $isa on $threads threads', (target) => {
  test.each(mixedSizes)('over %i tokens, draws what the reference draws', (V, count) => {
    const { rows, want } = mixedDraws(V, count);
    const got = draw(rows, target);
    expect(got.map((d) => d.token)).toEqual(want.map((d) => d.token));
    const deviation = Math.max(...got.map((d, i) => Math.abs(d.logprob - want[i]!.logprob)));
    expect(deviation).toBeLessThanOrEqual(logprobBudget(want));
  });

  test('ties go to the lowest id, greedy or not', () => {
    const flat = Float64Array.from({ length: 100 }, (_, i) => (i === 17 || i === 40 || i === 99 ? 3 : 1));
    const rows: SampleRow[] = [
      { logits: flat, temperature: 0 },
      { logits: flat, topK: 1 },
      { logits: flat, topP: 0 },
    ];
    expect(draw(rows, target).map((d) => d.token)).toEqual([17, 17, 17]);
    const two = Array.from({ length: 50 }, (_, counter) => ({ logits: flat, topK: 2, counter }));
    expect(new Set(draw(two, target).map((d) => d.token))).toEqual(new Set([17, 40]));
  });

  test('only allowed tokens are drawn, and none is -1', () => {
    const logits = new Random(3).normals(70);
    const rows: SampleRow[] = [
      { logits, allow: [69], temperature: 0.5 },
      { logits, allow: [], temperature: 1 },
      { logits, allow: [31, 32, 64], temperature: 0 },
      { logits, allow: [], temperature: 0 },
    ];
    const best = [31, 32, 64].sort((a, b) => logits[b]! - logits[a]!)[0];
    expect(draw(rows, target).map((d) => d.token)).toEqual([69, -1, best, -1]);
    expect(draw(rows, target)[1]!.logprob).toBe(Number.NEGATIVE_INFINITY);
  });

  test('an id that occurs often in the history is penalised once', () => {
    const logits = [2, 1.5, -1];
    expect(draw([{ logits, temperature: 0, penalty: 1.2, history: [0, 0, 0, 0] }], target)[0]!.token).toBe(0);
    expect(draw([{ logits, temperature: 0, penalty: 1.5, history: [0] }], target)[0]!.token).toBe(1);
  });

  test('logits that are NaN or infinite are survived', () => {
    const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: ninf } = Number;
    const rows = [
      [nan, 1, nan],
      [nan, nan, nan],
      [ninf, ninf, ninf],
      [1, inf, 0],
      [ninf, 0, ninf],
    ];
    const sampled = rows.map((logits, i) => ({ logits, temperature: 1, topP: 0.9, counter: i }));
    const greedy = rows.map((logits) => ({ logits, temperature: 0 }));
    expect(draw(sampled, target).map((d) => d.token)).toEqual([1, 0, 0, 1, 1]);
    expect(draw(greedy, target).map((d) => d.token)).toEqual([1, 0, 0, 1, 1]);
  });
});

describe('proportions', () => {
  const V = 40;
  const draws = 20000;
  const target: Target = { backend: 'cpu', threads: 2 };

  /** Draws with consecutive counters of one seed, against expected probabilities: chi-square over the classes. */
  function chiSquare(row: SampleRow, probability: readonly number[], seed: bigint): number {
    const rows = Array.from({ length: draws }, (_, counter) => ({ ...row, seed, counter }));
    const seen = new Float64Array(V);
    for (const { token } of draw(rows, target)) seen[token]! += 1;
    return probability.reduce((sum, p, id) => {
      if (p === 0) {
        expect(seen[id]).toBe(0);
        return sum;
      }
      return sum + (seen[id]! - draws * p) ** 2 / (draws * p);
    }, 0);
  }

  function softmax(z: readonly number[]): readonly number[] {
    const e = z.map((x) => Math.exp(x));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((x) => x / sum);
  }

  // At 39 degrees of freedom a right sampler exceeds 83 once in 20,000 seeds; the seeds are fixed.
  test.each([1n, 2n, 0xffffffff00000001n])('softmax at two temperatures, seed %i', (seed) => {
    const logits = Array.from(new Random(9).normals(V));
    expect(chiSquare({ logits }, softmax(logits), seed)).toBeLessThan(83);
    const warm = softmax(logits.map((z) => z / 0.7));
    expect(chiSquare({ logits, temperature: 0.7 }, warm, seed)).toBeLessThan(83);
  });

  test('top-k and top-p keep their sets and renormalise', () => {
    const logits = Array.from(new Random(10).normals(V, 2));
    const p = softmax(logits);
    const order = p.map((_, id) => id).sort((a, b) => p[b]! - p[a]!);
    const only = (ids: readonly number[]) => {
      const mass = ids.reduce((sum, id) => sum + p[id]!, 0);
      return p.map((x, id) => (ids.includes(id) ? x / mass : 0));
    };
    expect(chiSquare({ logits, topK: 6 }, only(order.slice(0, 6)), 5n)).toBeLessThan(30); // 5 degrees of freedom
    let mass = 0;
    const nucleus = order.filter((id) => {
      const take = mass < 0.8;
      mass += p[id]!;
      return take;
    });
    expect(chiSquare({ logits, topP: 0.8 }, only(nucleus), 6n)).toBeLessThan(
      nucleus.length + 6 * Math.sqrt(2 * nucleus.length),
    );
  });
});

test('an id out of range in the history is refused in words', () => {
  const result = runOp(sampleCall([{ logits: [1, 2, 3], history: [3] }]), { backend: 'cpu' }, 'f32');
  expect(result.status).toBe('invalid');
  expect(result.message).toMatch(/history ids from 0 to 2, got 3 in row 0/);
});
