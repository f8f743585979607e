// One record becomes one sequence: rendered, tokenised, masked, shifted, checked.
import type { Sequence } from '../batch.js';
import { dataError } from '../errors.js';
import type { DataRecord } from '../record.js';
import { alpacaMessages, alpacaPrompt } from './alpaca.js';
import type { ChatTemplate } from './chat-template.js';
import { maskConversation, type LearnedSpan, type MaskedText, type MaskOptions } from './mask.js';
import type { TextTokenizer } from './tokenizer.js';
import { tokenWeights, type Straddling } from './token-weights.js';

export interface EncodeOptions extends MaskOptions {
  /** A token that holds learned and other characters follows the majority (default), or is an error. */
  readonly straddling?: Straddling;
  /**
   * Which rows are rendered with the chat template. 'auto' (default): messages and Alpaca rows; prompt/completion rows
   * stay plain text. 'always': prompt/completion rows too, as user and assistant. 'never': Alpaca rows are plain too.
   */
  readonly useTemplate?: 'auto' | 'always' | 'never';
  /** Longest sequence in tokens. Absent: no limit. */
  readonly maxLength?: number;
  /** What happens to a longer row. Default: 'error'. */
  readonly tooLong?: 'error' | 'truncate' | 'drop';
  /** The model's vocabulary: an id at or above it is an error naming the tokenizer's file. */
  readonly vocabulary?: number;
}

export type Outcome = 'kept' | 'truncated' | 'too-long' | 'weightless';

export interface EncodedRecord {
  readonly outcome: Outcome;
  /** Absent when the row is left out ('too-long', 'weightless'). */
  readonly sequence?: Sequence;
  /** A token holds characters that are learned and others, such as the end of the prompt and the start of the answer. */
  readonly straddles: boolean;
}

interface Encoded {
  readonly ids: Int32Array;
  /** Weight of each token as something to predict. */
  readonly weights: Float32Array;
  readonly straddles: boolean;
}

export class RecordEncoder {
  readonly tokenizer: TextTokenizer;
  readonly template: ChatTemplate | undefined;
  readonly options: EncodeOptions;
  readonly #ends: { readonly stops: readonly string[]; readonly added: readonly string[] };

  constructor(tokenizer: TextTokenizer, template: ChatTemplate | undefined, options: EncodeOptions = {}) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.options = options;
    this.#ends = { stops: tokenizer.stopIds.map((id) => tokenizer.token(id) ?? ''), added: tokenizer.addedTokens };
    if (options.vocabulary !== undefined) tokenizer.checkVocabulary(options.vocabulary);
  }

  /** Everything that is wrong with a row is an ERR_DATA naming its file and row. */
  encode(record: DataRecord): EncodedRecord {
    if (record.weight === 0) return { outcome: 'weightless', straddles: false };
    const { ids, weights, straddles } = this.#encode(record);
    this.#checkIds(record, ids);
    const { maxLength = Infinity, tooLong = 'error' } = this.options;
    if (ids.length <= maxLength) return { outcome: 'kept', straddles, sequence: toSequence(record, ids, weights) };
    if (tooLong === 'error') {
      throw dataError(
        placeOf(record),
        `expected at most ${maxLength} tokens, came ${ids.length}. Raise train.maxLength, or set data.tooLong to ` +
          'truncate or drop',
      );
    }
    const cut = weights.subarray(0, maxLength);
    if (tooLong === 'drop' || !cut.some((weight, i) => i > 0 && weight > 0))
      return { outcome: 'too-long', straddles: false };
    return { outcome: 'truncated', straddles, sequence: toSequence(record, ids.slice(0, maxLength), cut) };
  }

  #encode(record: DataRecord): Encoded {
    switch (record.kind) {
      case 'text':
        return this.#text(record, record.text);
      case 'completion':
        if (this.options.useTemplate !== 'always') return this.#completion(record, record.prompt, record.completion);
        return this.#chat(record, {
          messages: [
            { role: 'user', content: record.prompt },
            { role: 'assistant', content: record.completion },
          ],
        });
      case 'alpaca':
        if (this.template === undefined || this.options.useTemplate === 'never') {
          return this.#completion(record, alpacaPrompt(record.instruction, record.input), record.output);
        }
        return this.#chat(record, { messages: alpacaMessages(record) });
      case 'messages':
        return this.#chat(record, record);
      case 'preference':
      case 'labelled':
        throw dataError(
          placeOf(record),
          `expected rows with one answer to learn, came ${record.kind === 'preference' ? 'pairs of answers' : 'answers with a verdict'}. ` +
            'Train on the preferred answers alone (data.pairs: chosen), or train with a method for preferences',
        );
    }
  }

  /** Every token but the first, with special tokens as the tokenizer adds them. */
  #text(record: DataRecord, text: string): Encoded {
    const ids = this.tokenizer.encode(text, { special: true });
    if (ids.length < 2) {
      throw dataError(
        { ...placeOf(record), field: 'text' },
        `expected text of at least two tokens, came ${ids.length}: nothing of it could be learned. Remove the row`,
      );
    }
    return { ids, weights: new Float32Array(ids.length).fill(record.weight ?? 1), straddles: false };
  }

  /** Prompt, completion and eos as one text; completion and eos are learned. */
  #completion(record: DataRecord, prompt: string, completion: string): Encoded {
    const { tokenizer } = this;
    const { eosId } = tokenizer;
    if (eosId === undefined) {
      throw dataError(
        { file: tokenizer.files.file, field: 'eos_token' },
        'expected an end token to learn where an answer stops, came a tokenizer without one. ' +
          'Set eos_token in tokenizer_config.json',
      );
    }
    const text = prompt + completion;
    const all = this.options.trainOn === 'all';
    const spans: LearnedSpan[] = [{ begin: all ? 0 : prompt.length, end: text.length, weight: 1 }];
    const encoded = this.#weigh(record, { text, spans, promptEnd: prompt.length }, true);
    const ended = encoded.ids.at(-1) === eosId;
    const ids = ended ? encoded.ids : Int32Array.from([...encoded.ids, eosId]);
    const weights = new Float32Array(ids.length);
    weights.set(encoded.weights);
    weights[ids.length - 1] = this.options.endOfTurn === 'never' ? 0 : (record.weight ?? 1);
    return { ids, weights, straddles: encoded.straddles };
  }

  #chat(record: DataRecord, chat: Pick<Extract<DataRecord, { kind: 'messages' }>, 'messages' | 'tools'>): Encoded {
    if (this.template === undefined || this.options.useTemplate === 'never') {
      throw dataError(
        placeOf(record),
        'expected a chat template for rows of messages, came ' +
          `${this.template === undefined ? 'a model without one' : 'useTemplate: never'}. ` +
          'Take a model with a chat template, pass one (data.chatTemplate), or write the rows as {"prompt", ' +
          '"completion"}',
      );
    }
    const masked = maskConversation(this.template, { ...chat, place: placeOf(record) }, this.#ends, this.options);
    const encoded = this.#weigh(record, masked, false);
    if (masked.promptEnd !== undefined && this.options.endOfTurn !== 'never') this.#checkEnd(record, encoded);
    return encoded;
  }

  /** Tokenises a masked text and gives each token the weight of most of its characters. */
  #weigh(record: DataRecord, masked: MaskedText, special: boolean): Encoded {
    const { ids, weights, straddles } = tokenWeights(
      this.tokenizer, masked, special, placeOf(record), this.options.straddling,
    );
    if (record.weight !== undefined && record.weight !== 1)
      weights.forEach((weight, i) => {
        weights[i] = weight * (record.weight as number);
      });
    return { ids, weights, straddles };
  }

  /** The last thing that is learned must be a token that ends a turn, or the model never learns to stop. */
  #checkEnd(record: DataRecord, { ids, weights }: Encoded): void {
    let last = weights.length - 1;
    while (
      last > 0 &&
      ((weights[last] as number) === 0 ||
        this.tokenizer.decode([ids[last] as number], { skipSpecial: false, continues: true }).trim() === '')
    )
      last--;
    const id = ids[last] as number;
    if (this.tokenizer.isAdded(id) || this.tokenizer.stopIds.includes(id)) return;
    throw dataError(
      placeOf(record),
      'expected the last answer to end with a token that stops generation, came ' +
        `"${this.tokenizer.token(id) ?? ''}" from the chat template of ` +
        `${this.template?.source.file}. The model would never learn to stop: end assistant turns with eos_token ` +
        'in the template (data.chatTemplate)',
    );
  }

  #checkIds(record: DataRecord, ids: Int32Array): void {
    const limit = this.options.vocabulary ?? Infinity;
    const bad = ids.find((id) => id >= limit);
    if (bad !== undefined) {
      throw dataError(
        placeOf(record),
        `expected token ids below ${limit}, the model's vocabulary, came ${bad} ` +
          `("${this.tokenizer.token(bad) ?? ''}") from ` +
          `${this.tokenizer.files.file}. The tokenizer has tokens that the model lacks: take the one from the ` +
          "model's folder, or remove the token from the row",
      );
    }
  }
}

const placeOf = ({ file, row }: DataRecord) => ({ file, row });

/** Shifts by one: labels[t] is the next token's id where that token is learned. */
function toSequence(record: DataRecord, ids: Int32Array, tokenWeight: Float32Array): Sequence {
  const labels = new Int32Array(ids.length).fill(-1);
  const weights = new Float32Array(ids.length).fill(1);
  let weighted = false;
  let learned = false;
  for (let t = 0; t + 1 < ids.length; t++) {
    const weight = tokenWeight[t + 1] as number;
    if (weight <= 0) continue;
    learned = true;
    labels[t] = ids[t + 1] as number;
    weights[t] = weight;
    weighted ||= weight !== 1;
  }
  if (!learned)
    throw dataError(placeOf(record), 'expected something to learn, came a row of which no token is. Remove the row');
  return { tokens: ids, labels, row: record.index, ...(weighted ? { weights } : {}) };
}
