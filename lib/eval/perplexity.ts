// Loss and perplexity of a data set, one batch after the other in constant memory: sums in double precision over
// scored tokens, so that the result does not depend on how rows were packed.

import type { Batch, Sequence } from '../batch.js';
import type { Cancellable, Evaluation, Session } from '../engine/types.js';

export interface LossReport {
  /** Sum of weight x nll by sum of weights, over all scored tokens. */
  readonly loss: number;
  readonly perplexity: number;
  /** Share of scored tokens that were the model's first choice; NaN unless asked for. */
  readonly accuracy: number;
  /** Scored tokens. */
  readonly tokens: number;
  /** All tokens read. */
  readonly read: number;
}

export interface EvaluateOptions extends Cancellable {
  /** Also count how often the model's first choice was right. @default false */
  readonly accuracy?: boolean;
  /** Called after each batch. */
  readonly onBatch?: (report: { readonly read: number }) => void;
}

/** Evaluates batches as they come; the next one is built while the engine computes. */
export async function evaluateLoss(
  session: Session, batches: Iterable<Batch> | AsyncIterable<Batch>, options: EvaluateOptions = {},
): Promise<LossReport> {
  const sum = { loss: 0, weight: 0, tokens: 0, right: 0, read: 0 };
  const { signal, accuracy: top1 = false } = options;
  let before: { readonly batch: Batch; readonly pending: Promise<Evaluation> } | undefined;
  const take = async (): Promise<void> => {
    if (!before) return;
    const { batch, pending } = before;
    addBatch(sum, batch, await pending);
    options.onBatch?.({ read: sum.read });
  };
  for await (const batch of batches) {
    const pending = session.evaluate(batch, { signal, top1 });
    pending.catch(() => undefined); // looked at below, or never if an earlier one failed
    await take();
    before = { batch, pending };
  }
  await take();
  const loss = sum.loss / sum.weight;
  return {
    loss, perplexity: Math.exp(loss), accuracy: top1 ? sum.right / sum.tokens : NaN, tokens: sum.tokens, read: sum.read,
  };
}

function addBatch(
  sum: { loss: number; weight: number; tokens: number; right: number; read: number }, batch: Batch, { rowLoss, top1 }: Evaluation,
): void {
  const { labels, weights } = batch;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!;
    if (label < 0) continue;
    const weight = weights ? weights[row]! : 1;
    sum.loss += weight * rowLoss[row]!;
    sum.weight += weight;
    sum.tokens++;
    if (top1 && top1[row] === label) sum.right++;
  }
  sum.read += labels.length;
}

/** A part of a sequence: tokens [begin, end), of which labels from `score` on count. */
export interface Span {
  readonly begin: number;
  readonly end: number;
  readonly score: number;
}

/**
 * Cuts `total` tokens into overlapping pieces of at most `length`: each token is scored once, the first piece scores
 * all of its tokens, and every later one only what is new, after at least `length - stride` tokens of context.
 */
export function stridedSpans(total: number, length: number, stride = Math.max(1, Math.floor(length / 2))): Span[] {
  const spans: Span[] = [];
  let score = 0;
  for (let begin = 0; score < total; begin += stride) {
    const end = Math.min(total, begin + length);
    spans.push({ begin, end, score });
    score = end;
  }
  return spans;
}

export function cut(sequence: Sequence, { begin, end, score }: Span): Sequence {
  if (begin === 0 && end === sequence.tokens.length && score === 0) return sequence;
  const labels = sequence.labels.slice(begin, end);
  labels.fill(-1, 0, score - begin);
  return {
    tokens: sequence.tokens.slice(begin, end), labels, row: sequence.row,
    ...(sequence.weights ? { weights: sequence.weights.slice(begin, end) } : {}),
  };
}
