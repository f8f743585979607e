// From weights of characters to weights of tokens, through the characters that each token covers.
import { dataError, type Place } from '../errors.js';
import type { TokenSpans } from './align.js';
import type { LearnedSpan, MaskedText } from './mask.js';
import type { TextTokenizer } from './tokenizer.js';

export interface WeightedTokens {
  readonly ids: Int32Array;
  /** 0: not learned. */
  readonly weights: Float32Array;
  /** A token holds characters that count differently, or of the prompt and of the answer. */
  readonly straddles: boolean;
}

/** What a token of both sides does: follow the majority, or be an error that names the row. */
export type Straddling = 'majority' | 'error';

export function tokenWeights(
  tokenizer: TextTokenizer,
  masked: MaskedText,
  special: boolean,
  place: Place,
  straddling: Straddling = 'majority',
): WeightedTokens {
  const { text, spans, promptEnd } = masked;
  const encoded = tokenizer.encodeWithSpans(text, { special });
  const { ids } = encoded;
  const { begin, end } =
    encoded.begin !== undefined && encoded.end !== undefined
      ? { begin: encoded.begin, end: encoded.end }
      : bySegments(tokenizer, text, ids, boundaries(masked), special, place);
  const weights = new Float32Array(ids.length);
  let straddles = false;
  let first = 0;
  for (let i = 0; i < ids.length; i++) {
    const from = begin[i] as number;
    const to = end[i] as number;
    while (first < spans.length && (spans[first] as LearnedSpan).end <= from) first++;
    const { weight, mixed } = weightOf(spans, first, from, to);
    weights[i] = weight;
    if (!mixed && !(promptEnd !== undefined && from < promptEnd && to > promptEnd)) continue;
    straddles = true;
    if (straddling === 'error') {
      throw dataError(
        place,
        `expected tokens that are learned or not, came ${JSON.stringify(text.slice(from, to))} at character ${from}, which is both. ` +
          'Move the border to where a token begins, or let the larger part decide (data.straddling: majority)',
      );
    }
  }
  return { ids, weights, straddles };
}

/**
 * The weight of the span that holds most of the token; half is enough. A token without characters follows its
 * place.
 */
function weightOf(
  spans: readonly LearnedSpan[],
  first: number,
  from: number,
  to: number,
): { readonly weight: number; readonly mixed: boolean } {
  let best = 0;
  let weight = 0;
  let outside = to - from;
  let different = false;
  for (let at = first; at < spans.length; at++) {
    const span = spans[at] as LearnedSpan;
    if (span.begin > to || (span.begin === to && to > from)) break;
    if (from === to) return { weight: span.begin <= from && from < span.end ? span.weight : 0, mixed: false };
    const size = Math.min(to, span.end) - Math.max(from, span.begin);
    outside -= Math.max(0, size);
    different ||= best > 0 && size > 0 && span.weight !== weight;
    if (size > best) {
      best = size;
      weight = span.weight;
    }
  }
  const learned = best > 0 && best >= outside;
  return { weight: learned ? weight : 0, mixed: different || (best > 0 && outside > 0) };
}

function boundaries({ text, spans, promptEnd }: MaskedText): number[] {
  const all = [
    0,
    ...spans.flatMap(({ begin, end }) => [begin, end]),
    ...(promptEnd === undefined ? [] : [promptEnd]),
    text.length,
  ];
  return [...new Set(all)].sort((a, b) => a - b);
}

/**
 * Without offsets: tokenises the pieces between the boundaries one by one. That is only an answer when the pieces give
 * exactly the ids of the whole; otherwise the row is refused.
 */
function bySegments(
  tokenizer: TextTokenizer,
  text: string,
  ids: Int32Array,
  cuts: readonly number[],
  special: boolean,
  place: Place,
): TokenSpans {
  const around = special ? findInside(ids, tokenizer.encode(text)) : 0;
  const begin = new Int32Array(ids.length);
  const end = new Int32Array(ids.length);
  let at = around;
  for (let i = 0; i + 1 < cuts.length; i++) {
    const from = cuts[i] as number;
    const to = cuts[i + 1] as number;
    for (const id of tokenizer.encode(text.slice(from, to))) {
      if (ids[at] !== id) {
        throw dataError(
          place,
          `expected to know which characters each token covers; the tokenizer ${tokenizer.files.file} changes the ` +
            'text in a way that cannot be ' +
            `followed near character ${from}. Remove unusual characters from the row, or train on all of it ` +
            '(data.trainOn: all)',
        );
      }
      begin[at] = from;
      end[at++] = to;
    }
  }
  begin.fill(text.length, at);
  end.fill(text.length, at);
  return { begin, end };
}

function findInside(all: Int32Array, inner: Int32Array): number {
  for (let at = 0; at + inner.length <= all.length; at++) {
    if (inner.every((id, i) => all[at + i] === id)) return at;
  }
  return 0;
}
