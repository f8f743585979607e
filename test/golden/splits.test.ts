// One update may be cut into batches in any way: the window's gradient is the same for 1 x 32, 4 x 8, 32 x 1 and ragged
// pieces, and a row of weight 2 counts as that row twice.
import type { Batch, Sequence } from '../../lib/batch.js';
import { beyond, relativeError } from './compare.js';
import { openCase, removeFolders } from './fixture.js';
import { gradients, open } from './run.js';
import type { Side } from './sides.js';

afterAll(removeFolders);

/** 32 documents of 1 to 24 tokens, some with a part that is not learned, from a small generator of its own. */
function documents(): readonly Sequence[] {
  let state = 12345;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: 32 }, (_, row) => {
    const tokens = Int32Array.from({ length: row === 3 ? 1 : 2 + next(23) }, () => 3 + next(256));
    const labels = Int32Array.from(tokens, (_token, t) => (t + 1 < tokens.length ? tokens[t + 1]! : -1));
    if (row % 3 === 1) labels.fill(-1, 0, tokens.length >> 1);
    return { tokens, labels, row, weights: Float32Array.from(tokens, () => 1) };
  });
}

function pack(sequences: readonly Sequence[], slot: number): Batch {
  const seqBegin = new Int32Array(sequences.length + 1);
  sequences.forEach(({ tokens }, q) => { seqBegin[q + 1] = seqBegin[q]! + tokens.length; });
  const joined = <T extends Int32Array | Float32Array>(into: T, part: (sequence: Sequence) => T): T => {
    sequences.forEach((sequence, q) => into.set(part(sequence), seqBegin[q]));
    return into;
  };
  const rows = seqBegin.at(-1)!;
  return {
    tokens: joined(new Int32Array(rows), ({ tokens }) => tokens),
    labels: joined(new Int32Array(rows), ({ labels }) => labels),
    positions: joined(new Int32Array(rows), ({ tokens }) => tokens.map((_, t) => t)),
    weights: joined(new Float32Array(rows), ({ weights }) => weights!),
    seqBegin, segments: [{ begin: 0, end: rows, slot }],
  };
}

const all = documents();
const cut = (...sizes: readonly number[]): readonly (readonly Sequence[])[] => {
  let begin = 0;
  return sizes.map((size) => all.slice(begin, (begin += size)));
};
const SPLITS = { '4 x 8': cut(8, 8, 8, 8), '32 x 1': all.map((one) => [one]), ragged: cut(1, 13, 2, 9, 7) };

describe.each<Side>(['oracle', 'f32'])('on the %s', (side) => {
  const golden = openCase('llama');

  /** Gradient and summed loss of a window made of these batches. */
  async function window(batches: readonly (readonly Sequence[])[]) {
    const { session, slot } = await open(golden, side);
    let lossSum = 0;
    let weightSum = 0;
    for (const sequences of batches) {
      const [loss] = await session.accumulate(pack(sequences, slot));
      lossSum += loss!.lossSum;
      weightSum += loss!.weightSum;
    }
    const found = await gradients(session, slot);
    await session.close();
    return { lossSum, weightSum, found };
  }

  test.each(Object.entries(SPLITS))('%s', async (_name, split) => {
    const whole = await window([all]);
    const parts = await window(split);
    expect(parts.weightSum).toBe(whole.weightSum);
    expect(relativeError([parts.lossSum], [whole.lossSum])).toBeLessThanOrEqual(1e-6);
    expect(beyond(1e-6, parts.found, (name) => whole.found.get(name)!)).toEqual([]);
  });

  test('weight 2 equals the row twice', async () => {
    const heavy = all.map((one) => (one.row % 5 === 2 ? { ...one, weights: one.weights!.map(() => 2) } : one));
    const twice = all.flatMap((one) => (one.row % 5 === 2 ? [one, one] : [one]));
    const [weighted, repeated] = [await window([heavy]), await window([twice])];
    expect(weighted.weightSum).toBe(repeated.weightSum);
    expect(relativeError([weighted.lossSum], [repeated.lossSum])).toBeLessThanOrEqual(1e-6);
    expect(beyond(1e-6, weighted.found, (name) => repeated.found.get(name)!)).toEqual([]);
    expect(relativeError([weighted.lossSum], [(await window([all])).lossSum])).toBeGreaterThan(1e-2);
  });
});
