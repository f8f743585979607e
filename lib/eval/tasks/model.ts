// What tasks ask of a model, and the same asked of a session: log-likelihoods of continuations and of whole texts, and
// texts up to a stop. Tokens are put together as lm-evaluation-harness does for causal models of transformers.

import type { AdapterSlot, Sequence } from '../../batch.js';
import type { Session } from '../../engine/types.js';
import { dataError } from '../../errors.js';
import { collate } from '../../pack/collate.js';
import type { TextTokenizer } from '../../text/tokenizer.js';
import { generateText } from '../generate.js';
import { endsWithSpace, stripEnd } from './python.js';

export interface LogLikelihood {
  /** Natural logarithm of the continuation's probability. */
  readonly logprob: number;
  /** Every token of it is the most likely one. */
  readonly greedy: boolean;
}

export interface GenerationRequest {
  readonly context: string;
  readonly until: readonly string[];
  readonly maxTokens: number;
  /** 0: always the most likely token. */
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: number;
}

/** A model that tasks can be run on: a session, an endpoint, or anything else that answers. */
export interface TaskModel {
  /** Identifies weights, adapter and tokenizer: part of the key of every cached answer. */
  readonly id: string;
  logLikelihoods(requests: readonly { readonly context: string; readonly continuation: string }[], signal?: AbortSignal): Promise<LogLikelihood[]>;
  /** Of whole texts, in windows that do not overlap. */
  rolling(texts: readonly string[], signal?: AbortSignal): Promise<number[]>;
  generate(requests: readonly GenerationRequest[], signal?: AbortSignal): Promise<string[]>;
}

export interface SessionModelOptions {
  readonly session: Session;
  readonly tokenizer: TextTokenizer;
  /** The adapter that answers. @default -1: the base model alone */
  readonly slot?: AdapterSlot | -1;
  readonly id: string;
  /** Most tokens of a batch; the session's maxTokens at most, and at least the longest window. */
  readonly batchTokens: number;
  /** Most sequences at once: the session's maxSequences and cacheSequences at most. */
  readonly atOnce: number;
  /** Longest window in tokens. @default the model's context */
  readonly maxLength?: number;
}

interface Piece {
  readonly input: readonly number[];
  readonly scored: readonly number[];
}

export function sessionModel(options: SessionModelOptions): TaskModel {
  const { session, tokenizer, slot = -1, batchTokens, atOnce } = options;
  const maxLength = Math.min(options.maxLength ?? Infinity, session.spec.rope.maxPositions);
  const prefix = tokenizer.bosId ?? tokenizer.eosId;
  const prefixText = prefix === undefined ? undefined : tokenizer.token(prefix);

  const encode = (text: string): number[] =>
    Array.from(tokenizer.encode(text, { special: !(prefixText !== undefined && prefixText !== '' && text.startsWith(prefixText)) }));

  const needPrefix = (): number => {
    if (prefix !== undefined) return prefix;
    throw dataError({ file: tokenizer.files.file }, 'expected a bos_token or eos_token, came neither: texts without a context need one to begin with');
  };

  /** Context and continuation as tokens; white space at the end of the context belongs to the continuation. */
  function pair(context: string, continuation: string): Piece {
    if (context === '') {
      const scored = Array.from(tokenizer.encode(continuation));
      const first = needPrefix();
      return first === scored[0] ? { input: scored.slice(0, 1), scored: scored.slice(1) } : { input: [first], scored };
    }
    const bare = endsWithSpace(context) ? stripEnd(context) : context;
    const head = encode(bare);
    return { input: head, scored: encode(context + continuation).slice(head.length) };
  }

  function sequenceOf({ input, scored }: Piece, row: number): Sequence {
    if (scored.length === 0 || scored.length > maxLength) {
      throw dataError({}, `a continuation has ${scored.length} tokens, expected 1 to ${maxLength}, the model's context`);
    }
    const all = [...input, ...scored].slice(-(maxLength + 1));
    const labels = new Int32Array(all.length - 1).fill(-1);
    labels.set(scored, labels.length - scored.length);
    return { tokens: Int32Array.from(all.slice(0, -1)), labels, row };
  }

  /** Scores pieces, as many at a time as a batch holds, and hands the results over in their order. */
  async function score(pieces: readonly Piece[], signal: AbortSignal | undefined): Promise<LogLikelihood[]> {
    const sequences = pieces.map(sequenceOf);
    const results: LogLikelihood[] = [];
    for (let begin = 0; begin < sequences.length;) {
      let [end, tokens] = [begin, 0];
      while (end < sequences.length && end - begin < atOnce && (end === begin || tokens + sequences[end]!.tokens.length <= batchTokens)) tokens += sequences[end++]!.tokens.length;
      const batch = collate(sequences.slice(begin, end).map((sequence) => ({ sequence, slot })));
      const { rowLoss, top1 } = await session.evaluate(batch, { top1: true, ...(signal === undefined ? {} : { signal }) });
      for (let q = 0; q < end - begin; q++) {
        let [logprob, greedy] = [0, true];
        for (let row = batch.seqBegin[q]!; row < batch.seqBegin[q + 1]!; row++) {
          if (batch.labels[row]! < 0) continue;
          logprob -= rowLoss[row]!;
          greedy &&= top1![row] === batch.labels[row];
        }
        results.push({ logprob, greedy });
      }
      begin = end;
    }
    return results;
  }

  return {
    id: options.id,
    logLikelihoods: (requests, signal) => score(requests.map(({ context, continuation }) => pair(context, continuation)), signal),
    async rolling(texts, signal) {
      const windows = texts.map((text) => rollingWindows(encode(text), needPrefix(), maxLength));
      const scores = await score(windows.flat(), signal);
      let at = 0;
      return windows.map((own) => own.reduce((sum) => sum + scores[at++]!.logprob, 0));
    },
    async generate(requests, signal) {
      const texts: string[] = [];
      for (let begin = 0; begin < requests.length;) {
        let end = begin + 1;
        while (end < requests.length && end - begin < atOnce && sameSettings(requests[begin]!, requests[end]!)) end++;
        const part = requests.slice(begin, end);
        const [{ until, maxTokens, temperature, topP = 1, topK = 0, seed = 0 }] = part as [GenerationRequest];
        const room = maxLength - maxTokens;
        if (room <= 0) throw dataError({}, `max_gen_toks: expected less than the model's context of ${maxLength}, came ${maxTokens}`);
        const stops = [...until, ...(tokenizer.eosId === undefined ? [] : [tokenizer.token(tokenizer.eosId)!])];
        const done = await generateText(session, tokenizer, part.map(({ context }) => ({ tokens: Int32Array.from(encode(context).slice(-room)), slot })), {
          maxNewTokens: maxTokens, temperature, topP, topK, seed: BigInt(seed + begin), stopTokens: tokenizer.stopIds, stopStrings: stops, ...(signal === undefined ? {} : { signal }),
        });
        // Decoded as a whole and then cut, as the harness does: a space that the tokenizer puts before the first word goes.
        for (const { tokens } of done) texts.push(cutAt(tokenizer.decode(tokens), stops));
        begin = end;
      }
      return texts;
    },
  };
}

/** Windows in which every token is scored once: the first begins with the prefix, later ones with the token before them. */
export function rollingWindows(tokens: readonly number[], prefix: number, maxLength: number): Piece[] {
  const pieces: Piece[] = [];
  for (let done = 0; done < tokens.length;) {
    const count = Math.min(maxLength, tokens.length - done);
    const end = done + count;
    // A shorter last window reaches back, so that it is as long as the others.
    const whole = done === 0 ? [prefix, ...tokens.slice(0, end)] : tokens.slice(Math.max(0, end - maxLength - 1), end);
    pieces.push({ input: whole.slice(0, whole.length - count), scored: tokens.slice(done, end) });
    done = end;
  }
  return pieces;
}

function sameSettings(a: GenerationRequest, b: GenerationRequest): boolean {
  return JSON.stringify({ ...a, context: '' }) === JSON.stringify({ ...b, context: '' });
}

export function cutAt(text: string, stops: readonly string[]): string {
  return stops.reduce((rest, stop) => (stop === '' ? rest : rest.split(stop)[0]!), text);
}
