// Scatter with add is the gradient of gather, and join that of split: both are linear, so one product checks them.
import { input, opCall, output, updated } from '../support/calls.js';
import { outputsOf } from '../support/door.js';
import { Random } from '../support/random.js';

const oracle = { backend: 'oracle' };
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);

test('<c, gather(x)> is <scatter(c), x>', () => {
  const random = new Random(1);
  const [n, all, D] = [13, 29, 17];
  const index = input('i32', [n], random.permutation(all).slice(0, n));
  const x = random.normals(all * D);
  const c = random.normals(n * D);
  const { dst: there } = outputsOf(
    opCall('rows', { src: input('store', [all, D], x), dst: output('store', [n, D]), index }, { scatter: 0, write: 0 }),
    oracle,
    'f64',
  );
  const { dst: back } = outputsOf(
    opCall(
      'rows',
      { src: input('store', [n, D], c), dst: updated('store', [all, D], new Float64Array(all * D)), index },
      { scatter: 1, write: 1 },
    ),
    oracle,
    'f64',
  );
  expect(Math.abs(dot(c, there!) - dot(back!, x))).toBeLessThan(1e-11);
});

test('<c, split(x)> is <join(c), x>', () => {
  const random = new Random(2);
  const [T, widths] = [7, [5, 3, 11]] as const;
  const x = random.normals(T * 19);
  const cs = widths.map((n) => random.normals(T * n));
  const columns = (op: 'split' | 'join') => {
    const call = opCall(op, {
      whole: op === 'split' ? input('store', [T, 19], x) : output('store', [T, 19]),
      ...Object.fromEntries(
        widths.map((n, i) => [`part${i}`, op === 'split' ? output('store', [T, n]) : input('store', [T, n], cs[i]!)]),
      ),
    });
    const { whole, part0, part1, part2 } = call.args[0]!;
    return outputsOf({ ...call, args: [{ whole, parts: [part0, part1, part2], count: 3 }] }, oracle, 'f64');
  };
  const parts = columns('split');
  const there = widths.reduce((sum, _n, i) => sum + dot(cs[i]!, parts[`part${i}`]!), 0);
  expect(Math.abs(there - dot(columns('join')['whole']!, x))).toBeLessThan(1e-11);
});
