// Text from a session: prompts in, pieces of text out as they are drawn. Ends at stop tokens, stop strings or the
// length; never shows half a character or the beginning of a stop string.

import type { AdapterSlot } from '../batch.js';
import type { Cancellable, Session } from '../engine/types.js';
import { EngineError } from '../errors.js';
import type { TokenConstraint } from './constrain/masks.js';

export interface Prompt {
  readonly tokens: Int32Array;
  /** The adapter that answers; -1: the base model alone. @default -1 */
  readonly slot?: AdapterSlot | -1;
}

export interface GenerateOptions extends Cancellable {
  readonly maxNewTokens: number;
  /** 0: always the most likely token. @default 0 */
  readonly temperature?: number;
  /** 0: all tokens. @default 0 */
  readonly topK?: number;
  /** @default 1 */
  readonly topP?: number;
  /** 1: none. @default 1 */
  readonly repetitionPenalty?: number;
  /** Sequence i draws from seed + i. @default 0n */
  readonly seed?: bigint;
  /** Tokens that end a text; they are counted in `tokens` but never shown. */
  readonly stopTokens?: readonly number[];
  /** Texts that end a text; neither they nor what follows is shown. */
  readonly stopStrings?: readonly string[];
  /** What every text must be; see {@link constrain}. A text that is complete and cannot go on ends there. */
  readonly constraint?: TokenConstraint;
}

/** The part of a tokenizer that is needed: decoding token by token. */
export interface TextDecoding {
  stream(options?: { readonly continues?: boolean }): { push(id: number): string; end(): string };
}

export interface TextPiece {
  /** Which prompt. */
  readonly index: number;
  /** Possibly empty. */
  readonly text: string;
  readonly token: number;
  readonly logprob: number;
}

export interface GeneratedText {
  readonly text: string;
  /** What was drawn, a stop token at the end included. */
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
  readonly reason: 'stop-token' | 'stop-string' | 'length' | 'complete';
}

interface Live {
  readonly decoder: ReturnType<TextDecoding['stream']>;
  readonly tokens: number[];
  readonly logprobs: number[];
  readonly limit: number;
  /** All of the text so far, and how much of it has been handed out. */
  text: string;
  shown: number;
  /** Of the constraint, if there is one. */
  state: number;
  reason: GeneratedText['reason'] | undefined;
}

/** Yields a piece for every token drawn; returns the finished texts, one a prompt. */
export async function* streamText(
  session: Session, decoding: TextDecoding, prompts: readonly Prompt[], options: GenerateOptions,
): AsyncGenerator<TextPiece, GeneratedText[]> {
  const { constraint } = options;
  const stopTokens = new Set(options.stopTokens);
  const stopStrings = (options.stopStrings ?? []).filter((text) => text !== '');
  const live = prompts.map((prompt, index): Live => ({
    decoder: decoding.stream({ continues: true }), tokens: [], logprobs: [], text: '', shown: 0, state: constraint?.start ?? 0, reason: undefined,
    limit: lengthLimit(session, prompt, index, options.maxNewTokens),
  }));
  const { temperature, topK, topP, repetitionPenalty, seed = 0n, signal } = options;
  if (options.maxNewTokens <= 0 || prompts.length === 0) return live.map(finished);
  const generation = await session.generate(prompts.map((prompt, index) => ({
    prompt: prompt.tokens, slot: prompt.slot ?? -1, maxNewTokens: live[index]!.limit, temperature, topK, topP, repetitionPenalty, seed: seed + BigInt(index),
  })), { signal });
  try {
    let done: number[] = [];
    while (live.some((one) => one.reason === undefined)) {
      const step = await generation.next({ finished: done, allow: constraint && allowed(constraint, live), signal });
      done = [];
      for (const [index, one] of live.entries()) {
        const token = step.tokens[index]!;
        if (one.reason !== undefined || token < 0) continue;
        one.tokens.push(token);
        one.logprobs.push(step.logprobs[index]!);
        if (constraint && !stopTokens.has(token)) one.state = constraint.next(one.state, token);
        const text = advance(one, token, stopTokens, stopStrings, constraint);
        if (one.reason !== undefined) done.push(index);
        yield { index, text, token, logprob: step.logprobs[index]! };
      }
    }
  } finally {
    await generation.end();
  }
  return live.map(finished);
}

/** All texts at once, `atOnce` prompts at a time. */
export async function generateText(
  session: Session, decoding: TextDecoding, prompts: readonly Prompt[], options: GenerateOptions & { readonly atOnce?: number },
): Promise<GeneratedText[]> {
  const { atOnce = prompts.length } = options;
  const texts: GeneratedText[] = [];
  for (let begin = 0; begin < prompts.length; begin += Math.max(1, atOnce)) {
    const part = prompts.slice(begin, begin + Math.max(1, atOnce));
    const stream = streamText(session, decoding, part, { ...options, seed: (options.seed ?? 0n) + BigInt(begin) });
    for (let item = await stream.next(); ; item = await stream.next()) {
      if (!item.done) continue;
      texts.push(...item.value);
      break;
    }
  }
  return texts;
}

/** Masks of the texts that go on, in their order. */
function allowed(constraint: TokenConstraint, live: readonly Live[]): Int32Array {
  const masks = live.filter((one) => one.reason === undefined).map((one) => constraint.mask(one.state));
  const all = new Int32Array(masks.length * masks[0]!.length);
  for (const [i, mask] of masks.entries()) all.set(mask, i * mask.length);
  return all;
}

/** Takes in one token and returns the text that can be shown now. */
function advance(
  one: Live, token: number, stopTokens: ReadonlySet<number>, stopStrings: readonly string[], constraint: TokenConstraint | undefined,
): string {
  if (stopTokens.has(token)) one.reason = 'stop-token';
  else one.text += one.decoder.push(token);
  if (one.reason === undefined && constraint?.ended(one.state)) one.reason = 'complete';
  if (one.reason === undefined && one.tokens.length >= one.limit) one.reason = 'length';
  if (one.reason !== undefined) one.text += one.decoder.end();
  const stop = stopStrings.map((text) => one.text.indexOf(text, Math.max(0, one.shown - text.length))).filter((at) => at >= 0);
  if (stop.length > 0) {
    one.text = one.text.slice(0, Math.min(...stop));
    one.reason = 'stop-string';
  }
  const end = one.reason === undefined ? one.text.length - heldBack(one.text, stopStrings) : one.text.length;
  const fresh = one.text.slice(one.shown, end);
  one.shown = Math.max(one.shown, end);
  return fresh;
}

/** Length of the longest end of `text` that a stop string may begin with. */
function heldBack(text: string, stopStrings: readonly string[]): number {
  let most = 0;
  for (const stop of stopStrings) {
    for (let length = Math.min(stop.length - 1, text.length); length > most; length--) {
      if (text.endsWith(stop.slice(0, length))) most = length;
    }
  }
  return most;
}

function finished(one: Live): GeneratedText {
  return { text: one.text, tokens: one.tokens, logprobs: one.logprobs, reason: one.reason ?? 'length' };
}

function lengthLimit(session: Session, prompt: Prompt, index: number, wanted: number): number {
  const room = session.spec.rope.maxPositions - prompt.tokens.length;
  if (prompt.tokens.length === 0 || room <= 0) {
    throw new EngineError(
      `prompt ${index + 1}: expected 1 to ${session.spec.rope.maxPositions - 1} tokens, the model's context, got ${prompt.tokens.length}` +
      (room <= 0 ? '; shorten it' : '; the tokenizer adds no first token, so give some text'),
      { code: 'ERR_INVALID_ARGUMENT', argument: 'prompt', expected: 'a prompt within the context', received: String(prompt.tokens.length) });
  }
  return Math.min(wanted, room);
}
