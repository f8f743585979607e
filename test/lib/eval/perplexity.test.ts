// Loss of a data set: weighted, over scored tokens only, independent of packing; and strides that score each token once.
import { cut, evaluateLoss, stridedSpans } from '../../../lib/eval/perplexity.js';
import type { Batch } from '../../../lib/batch.js';
import type { Session } from '../../../lib/engine/types.js';

const batch = (labels: number[], weights?: number[]): Batch => ({
  tokens: Int32Array.from(labels), labels: Int32Array.from(labels), positions: Int32Array.from(labels, (_, i) => i),
  seqBegin: Int32Array.of(0, labels.length), segments: [{ begin: 0, end: labels.length, slot: -1 }],
  ...(weights ? { weights: Float32Array.from(weights) } : {}),
});
/** The loss of a row is a tenth of its label; the first choice is always 3. */
const session = {
  evaluate: async ({ labels }: Batch) => ({ rowLoss: Float32Array.from(labels, (x) => x / 8), top1: Int32Array.from(labels, () => 3) }),
} as unknown as Session;

test('rows without a label do not count', async () => {
  const report = await evaluateLoss(session, [batch([-1, 3, 5]), batch([-1, -1]), batch([8])], { accuracy: true });
  expect(report).toEqual({ loss: 16 / 8 / 3, perplexity: Math.exp(2 / 3), accuracy: 1 / 3, tokens: 3, read: 6 });
});

test('weights weigh', async () => {
  const report = await evaluateLoss(session, [batch([4, 8], [1, 3])]);
  expect(report.loss).toBe((0.5 + 3) / 4);
  expect(report.accuracy).toBeNaN();
});

test('an error of one batch is the error', async () => {
  let calls = 0;
  const failing = { evaluate: async () => { throw new Error(`call ${++calls}`); } } as unknown as Session;
  await expect(evaluateLoss(failing, [batch([1]), batch([1]), batch([1])])).rejects.toThrow('call 1');
});

test.each([[10, 4, 2], [10, 4, 4], [11, 4, 3], [4, 4, 2], [5, 4, 1], [23, 8, 5]])('%d tokens in pieces of %d by %d score each token once', (total, length, stride) => {
  const tokens = Int32Array.from({ length: total }, (_, i) => i);
  const sequence = { tokens, labels: tokens.map((t) => t + 1), row: 0, weights: Float32Array.from(tokens, (t) => t) };
  const pieces = stridedSpans(total, length, stride).map((span) => cut(sequence, span));
  const scored = pieces.flatMap((piece) => [...piece.labels].map((label, i) => ({ label, token: piece.tokens[i], weight: piece.weights![i], at: i }))
    .filter(({ label }) => label >= 0));
  expect(scored.map(({ label }) => label)).toEqual([...sequence.labels]);
  expect(scored.every(({ label, token, weight }) => label === token! + 1 && weight === token)).toBe(true);
  expect(pieces.every((piece) => piece.tokens.length <= length)).toBe(true);
  expect(scored.slice(length).every(({ at }) => at >= length - stride)).toBe(true);
});
