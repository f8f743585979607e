// What does not fit is refused in words before any memory is touched, by the CPU and the oracle alike, and `supports`
// says the same of shapes alone: every reason, one a line.
import { attention } from '../support/cases/attention.js';
import { norm } from '../support/cases/norm.js';
import { embed, rows, split } from '../support/cases/rows.js';
import { adamwCall, adamwShapes, sqnorm } from '../support/cases/update.js';
import { sampleCall } from '../support/cases/sample.js';
import { swiglu } from '../support/cases/swiglu.js';
import { type OpCall, type TensorRef, runOp, supportsOp } from '../support/door.js';

/** The call with fields of its (first) arguments replaced; a shape replaces that of the tensor. */
function changed(call: OpCall, changes: Readonly<Record<string, unknown>>): OpCall {
  const args = { ...call.args[0]! };
  for (const [name, value] of Object.entries(changes)) {
    args[name] = Array.isArray(value) ? { ...(args[name] as TensorRef), shape: value } : value;
  }
  return { ...call, args: [args] };
}

/** The call with a value of one buffer replaced. */
function poked(call: OpCall, name: string, index: number, value: number): OpCall {
  const values = Array.from(call.buffers[name]!.values!);
  values[index] = value;
  return { ...call, buffers: { ...call.buffers, [name]: { ...call.buffers[name]!, values } } };
}

const first = (cases: readonly { make(): OpCall }[], i: number) => cases[i]!.make();
const decode = first(attention, 12);

describe.each([{ backend: 'cpu' }, { backend: 'oracle' }])('$backend', (target) => {
  test.each<readonly [string, OpCall, RegExp]>([
    [
      'a width that differs',
      changed(first(norm, 4), { w: [8] }),
      /expected y as f32 with 45 elements in rows of 8, got f32 \[5, 9\]/,
    ],
    ['a missing tensor', changed(first(norm, 3), { rstd: undefined }), /expected rstd as f32 with 5 elements/],
    [
      'a wrong dtype',
      changed(first(swiglu, 1), { up: { buffer: 'up', kind: 'i32', shape: [1, 1] } }),
      /expected up as f32 .* got i32 \[1, 1\]/,
    ],
    ['an id past the table', poked(first(embed, 1), 'ids', 5, 512), /every id from 0 to 511, got 512 at index 5/],
    ['a negative id', poked(first(embed, 1), 'ids', 0, -1), /every id from 0 to 511, got -1 at index 0/],
    [
      'noise without streams',
      changed(first(embed, 2), { streams: undefined }),
      /expected row_dev and the streams' seed and tick/,
    ],
    ['an index past the rows', poked(first(rows, 8), 'index', 6, 19), /every index from 0 to 18, got 19/],
    [
      'parts that are too narrow',
      changed(first(split, 2), { count: 2 }),
      /expected whole as f32 \[9, 96\], got f32 \[9, 128\]/,
    ],
    ['no parts', changed(first(split, 2), { count: 0 }), /expected 1 to 3 parts, got 0/],
    [
      'heads that do not divide',
      changed(decode, { k: [329, 2, 64] }),
      /expected query heads to be a multiple of key heads, got 9 and 2/,
    ],
    [
      'keys past the cache',
      changed(decode, { kCountHost: Int32Array.of(301, 400, 18) }),
      /expected sequence 1 to have at least as many keys/,
    ],
    [
      'fewer keys than queries',
      changed(decode, { kCountHost: Int32Array.of(301, 0, 18) }),
      /expected sequence 1 to have at least as many keys as queries \(1\)/,
    ],
    [
      'starts that fall',
      changed(decode, { qBeginHost: Int32Array.of(0, 2, 1, 3) }),
      /expected q_begin to rise from 0 to 3/,
    ],
    ['a slot past the slabs', poked(first(sqnorm, 1), 'slot', 1, 3), /every slot from 0 to 2, got 3 at index 1/],
    [
      'a rule for no slot',
      adamwCall({ ...adamwShapes[0]!, rules: [{ ...adamwShapes[0]!.rules[0]!, slot: 1 }] }, 1),
      /expected rule 0 with a slot from 0 to 0/,
    ],
    [
      'step 0',
      adamwCall({ ...adamwShapes[0]!, rules: [{ ...adamwShapes[0]!.rules[0]!, step: 0 }] }, 1),
      /a step of at least 1, got slot 0 and step 0/,
    ],
    [
      'two rules for a slot',
      adamwCall({ ...adamwShapes[1]!, rules: [adamwShapes[1]!.rules[0]!, adamwShapes[1]!.rules[0]!] }, 1),
      /slot 2 has two/,
    ],
    [
      'a short mask',
      changed(sampleCall([{ logits: new Float32Array(33), allow: [1] }]), { allow: [1, 1] }),
      /expected allow as i32 \[1, 2\], got i32 \[1, 1\]/,
    ],
  ])('refuses %s', (_name, call, message) => {
    const result = runOp(call, target, 'f32');
    expect(result.message).toMatch(message);
    expect(result.status).toBe('invalid');
    expect(result.broken).toEqual([]);
  });

  test('supports says every reason, one a line, and nothing where all is well', () => {
    expect(supportsOp(first(norm, 4), target, 'f32')).toEqual({ status: 'ok', why: '' });
    const { status, why } = supportsOp(changed(first(norm, 4), { r: [5, 8], delta: [4, 9] }), target, 'f32');
    expect(status).toBe('invalid');
    expect(why.split('\n')).toHaveLength(2);
    expect(why).toMatch(/^norm: expected r as .*\nnorm: expected delta as /);
  });
});

test('only the oracle takes f64', () => {
  expect(supportsOp(first(norm, 4), { backend: 'oracle' }, 'f64').status).toBe('ok');
  const { status, why } = supportsOp(first(norm, 4), { backend: 'cpu' }, 'f64');
  expect(status).toBe('unsupported');
  expect(why).toMatch(/norm: expected y as f32 or bf16, got f64/);
});
