// Perplexity of one long text through overlapping windows: each window starts `stride` tokens after the one before, holds
// at most `length`, and only tokens that no window before it has predicted are scored, so each has a context.

import type { AdapterSlot, Sequence } from '../batch.js';
import type { Cancellable, Session } from '../engine/types.js';
import { EngineError } from '../errors.js';
import { collate } from '../pack/collate.js';

export interface StridedOptions extends Cancellable {
  /** Longest window in tokens: at most the context of the model. */
  readonly length: number;
  /** Tokens from one window to the next. @default half of `length` */
  readonly stride?: number;
  /** Adapter that answers. @default -1, the base model */
  readonly slot?: AdapterSlot;
  /** Most tokens of a batch: at most the `maxTokens` of the session. @default length */
  readonly batchTokens?: number;
  /**
   * What the mean is over. 'tokens': every scored token once. 'transformers': as the recipe in the documentation of
   * transformers counts, where each window but the first weighs one token less than it scores.
   * @default 'tokens'
   */
  readonly counting?: 'tokens' | 'transformers';
}

export interface StridedReport {
  /** Mean of -ln p. */
  readonly loss: number;
  readonly perplexity: number;
  /** What the mean is over: tokens scored, or the weights of the windows. */
  readonly tokens: number;
  readonly windows: number;
}

interface Window {
  readonly sequence: Sequence;
  /** Tokens that it scores, and as how many they count. */
  readonly scored: number;
  readonly weight: number;
}

function whole(argument: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  const expected = `a whole number from ${low} to ${high}`;
  throw new EngineError(`${argument}: expected ${expected}, got ${value}`, {
    code: 'ERR_INVALID_ARGUMENT', argument, expected, received: String(value),
  });
}

/** The windows over a text of `tokens`. Labels are the next tokens; the last token of a window predicts nothing. */
export function stridedWindows(tokens: Int32Array, length: number, stride: number, counting: 'tokens' | 'transformers'): readonly Window[] {
  const windows: Window[] = [];
  let seen = 0;
  for (let begin = 0; seen < tokens.length; begin += stride) {
    const end = Math.min(begin + length, tokens.length);
    const labels = new Int32Array(end - begin).fill(-1);
    labels.set(tokens.subarray(begin + 1, end));
    labels.fill(-1, 0, Math.max(0, seen - begin - 1));
    const scored = end - Math.max(seen, begin + 1);
    const weight = counting === 'tokens' ? scored : end - seen - 1;
    windows.push({ sequence: { tokens: tokens.slice(begin, end), labels, row: windows.length }, scored, weight });
    seen = end;
  }
  return windows;
}

export async function stridedPerplexity(session: Session, tokens: Int32Array, options: StridedOptions): Promise<StridedReport> {
  const { length, slot = -1, signal, counting = 'tokens' } = options;
  whole('tokens.length', tokens.length, 2, Number.MAX_SAFE_INTEGER);
  whole('length', length, 2, Number.MAX_SAFE_INTEGER);
  const stride = options.stride ?? Math.max(1, Math.floor(length / 2));
  // A window has to hold a token before the first that it scores: a stride of the whole length would leave that out.
  whole('stride', stride, 1, counting === 'transformers' ? length : length - 1);
  const budget = Math.max(options.batchTokens ?? length, length);
  const windows = stridedWindows(tokens, length, stride, counting);
  let [sum, weights] = [0, 0];
  for (let at = 0; at < windows.length;) {
    const group: Window[] = [];
    for (let used = 0; at < windows.length && (group.length === 0 || used + windows[at]!.sequence.tokens.length <= budget); at++) {
      used += windows[at]!.sequence.tokens.length;
      group.push(windows[at]!);
    }
    const batch = collate(group.map(({ sequence }) => ({ sequence, slot })));
    const { rowLoss } = await session.evaluate(batch, { signal });
    group.forEach(({ scored, weight }, q) => {
      let nll = 0;
      for (let row = batch.seqBegin[q]!; row < batch.seqBegin[q + 1]!; row++) if (batch.labels[row]! >= 0) nll += rowLoss[row]!;
      if (scored > 0) sum += nll * (weight / scored);
      weights += weight;
    });
  }
  const loss = sum / weights;
  return { loss, perplexity: Math.exp(loss), tokens: weights, windows: windows.length };
}
