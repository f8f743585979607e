// The divergence between two models' next tokens: against the formula, with errors over rows, and every how many-th place.
import { divergence, klOfLogits } from '../../../lib/eval/divergence.js';
import type { PassBatch } from '../../../lib/eval/measure.js';
import type { Batch } from '../../../lib/batch.js';
import type { Session } from '../../../lib/engine/types.js';
import { collate } from '../../../lib/pack/collate.js';
import { generator } from '../../support/tiny-model.js';

const plain = (logits: readonly number[]): number[] => {
  const sum = logits.reduce((total, value) => total + Math.exp(value), 0);
  return logits.map((value) => Math.exp(value) / sum);
};

test('is the formula, whatever is added to the logits, and never below nought', () => {
  const random = generator(3);
  for (let i = 0; i < 50; i++) {
    const [p, q] = [0, 1].map(() => Array.from({ length: 20 }, () => 6 * random() - 3)) as [number[], number[]];
    const [a, b] = [plain(p), plain(q)];
    const expected = a.reduce((sum, share, k) => sum + share * Math.log(share / b[k]!), 0);
    expect(klOfLogits(p, q)).toBeCloseTo(expected, 12);
    expect(klOfLogits(p.map((value) => value + 500), q.map((value) => value - 300))).toBeCloseTo(expected, 10);
    expect(klOfLogits(p, p)).toBe(0);
  }
});

/** Logits of a token's row: the base model's are nought, the adapter's rise with the token's number in one place. */
const VOCABULARY = 5;
const session = {
  spec: { vocabulary: VOCABULARY },
  logits: async ({ tokens, segments }: Batch, rows: Int32Array): Promise<Float32Array> => Float32Array.from({ length: rows.length * VOCABULARY }, (_, i) =>
    (segments[0]!.slot >= 0 && i % VOCABULARY === 0 ? tokens[rows[Math.floor(i / VOCABULARY)]!]! : 0)),
} as unknown as Session;
const pass = (slot: number, rows: readonly (readonly number[])[]): PassBatch[] => rows.map((tokens, row) =>
  ({ rows: [row], batch: collate([{ sequence: { tokens: Int32Array.from(tokens), labels: Int32Array.from(tokens, (token) => (token === 9 ? -1 : token)), row }, slot }]) }));

test('means over scored positions, errors over rows, and every how many-th is looked at', async () => {
  const rows = [[1, 2, 9], [3], [0, 0]];
  const one = (token: number): number => klOfLogits([0, 0, 0, 0, 0], [token, 0, 0, 0, 0]);
  const all = await divergence(session, pass(-1, rows), pass(0, rows));
  const sums = [one(1) + one(2), one(3), 0];
  const mean = (sums[0]! + sums[1]!) / 5;
  expect(all).toMatchObject({ positions: 5, rows: 3, value: expect.closeTo(mean, 9) });
  const squares = (sums[0]! - 2 * mean) ** 2 + (sums[1]! - mean) ** 2 + (2 * mean) ** 2;
  expect(all.standardError).toBeCloseTo(Math.sqrt((squares * 3) / 2) / 5, 9);
  expect(await divergence(session, pass(-1, rows), pass(0, rows), { every: 2 })).toMatchObject({ positions: 3, value: expect.closeTo((one(1) + one(3) + 0) / 3, 9) });
});
