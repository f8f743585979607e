// Shows which tokens of a sequence are learned: for `doctor` and for whoever wants to see a mask before training.
import type { Sequence } from '../batch.js';
import type { TextTokenizer } from './tokenizer.js';

export interface ExplainedToken {
  readonly id: number;
  /** The token as the vocabulary writes it. */
  readonly token: string;
  /** Its weight in the loss; 0: context only. */
  readonly weight: number;
}

export function explainSequence(
  tokenizer: TextTokenizer,
  { tokens, labels, weights }: Sequence,
): readonly ExplainedToken[] {
  return Array.from(tokens, (id, t) => ({
    id,
    token: tokenizer.token(id) ?? '',
    weight: t === 0 || labels[t - 1] === -1 ? 0 : (weights?.[t - 1] ?? 1),
  }));
}

/** Neighbouring tokens of equal weight as text: `[["<s>What is two?", 0], [" Four</s>", 1]]`. */
export function explainText(
  tokenizer: TextTokenizer,
  sequence: Sequence,
): readonly (readonly [text: string, weight: number])[] {
  const stream = tokenizer.stream({ skipSpecial: false });
  const parts: [string, number][] = [];
  for (const { id, weight } of explainSequence(tokenizer, sequence)) {
    const text = stream.push(id);
    const last = parts.at(-1);
    if (last !== undefined && last[1] === weight) last[0] += text;
    else parts.push([text, weight]);
  }
  const rest = stream.end();
  const last = parts.at(-1);
  if (last !== undefined) last[0] += rest;
  return parts;
}
