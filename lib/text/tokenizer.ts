// A model's tokenizer: text to ids with offsets, ids to text, special tokens, and whether it fits the model.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { dataError, describe } from '../errors.js';
import { alignTokens, type TokenSpans } from './align.js';
import { ByteStreamDecoder, WindowStreamDecoder } from './stream-decoder.js';
import { tokenSurface, type DecoderSpec, type TokenSurface } from './token-bytes.js';

export interface DecodeOptions {
  /** Leave out special tokens (`</s>`, `<|im_end|>` …). Default true. */
  readonly skipSpecial?: boolean;
  /** The ids continue a text: SentencePiece's space before the first word is kept. Default false. */
  readonly continues?: boolean;
}

export interface EncodedText extends Partial<TokenSpans> {
  readonly ids: Int32Array;
}

/** The parts of tokenizer_config.json that are used here. */
export interface TokenizerConfig {
  readonly [key: string]: unknown;
}

/** The files of a tokenizer, as text: enough to make it again in a worker. */
export interface TokenizerFiles {
  /** Path of tokenizer.json, for messages. */
  readonly file: string;
  readonly tokenizerJson: string;
  /** tokenizer_config.json, `{}` if there is none. */
  readonly configJson: string;
  /** generation_config.json, `{}` if there is none. */
  readonly generationJson: string;
}

export class TextTokenizer {
  readonly files: TokenizerFiles;
  readonly config: TokenizerConfig;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  readonly unkId: number | undefined;
  /** Every id that ends a generated text: the tokenizer's eos and those of generation_config.json. */
  readonly stopIds: readonly number[];
  /** One more than the largest id. */
  readonly size: number;
  /** SHA-256 of the files that decide about ids. */
  readonly hash: string;
  readonly #core: Tokenizer;
  readonly #added = new Set<number>();
  readonly #special = new Set<number>();
  readonly #surface: TokenSurface | undefined;
  readonly #before: readonly number[];
  readonly #after: readonly number[];
  readonly #plainSize: number;

  constructor(files: TokenizerFiles) {
    this.files = files;
    const { file } = files;
    const json = parseObject(files.tokenizerJson, file);
    this.config = parseObject(files.configJson, path.join(path.dirname(file), 'tokenizer_config.json'));
    const generation = parseObject(files.generationJson, path.join(path.dirname(file), 'generation_config.json'));
    const { type } = (json.model ?? {}) as { type?: unknown };
    if (type !== undefined && type !== 'BPE' && type !== 'Unigram' && type !== 'WordPiece') {
      throw dataError(
        { file, field: 'model.type' },
        `expected BPE, Unigram or WordPiece, came ${describe(type)}. Other kinds are not supported`,
      );
    }
    try {
      this.#core = new Tokenizer(
        { added_tokens: [], ...json },
        { ...this.config, clean_up_tokenization_spaces: false },
      );
    } catch (error) {
      throw dataError(
        { file },
        `expected a tokenizer of the Hugging Face format, came one that does not load: ${(error as Error).message}. ` +
          "Take the file from the model's folder again",
        { cause: error },
      );
    }
    for (const token of this.#core.get_added_tokens_decoder().values()) {
      this.#added.add(token.id);
      if (token.special) this.#special.add(token.id);
    }
    const id = (name: string) => this.#specialId(name);
    this.bosId = id('bos_token');
    this.eosId = id('eos_token');
    this.padId = id('pad_token');
    this.unkId = id('unk_token');
    const stops = [this.eosId, ...[generation.eos_token_id].flat()];
    this.stopIds = [...new Set(stops.filter((stop): stop is number => Number.isInteger(stop)))];
    const vocabulary = this.#core.get_vocab();
    let size = 0,
      plain = 0;
    for (const value of vocabulary.values()) {
      size = Math.max(size, value + 1);
      if (!this.#added.has(value)) plain = Math.max(plain, value + 1);
    }
    this.size = size;
    this.#plainSize = plain;
    this.#surface = tokenSurface((json.decoder ?? null) as DecoderSpec | null, (at) => this.token(at), this.#added);
    [this.#before, this.#after] = this.#templateIds();
    this.hash = createHash('sha256').update(files.tokenizerJson).update('\0').update(files.configJson).digest('hex');
  }

  /** Loads tokenizer.json, tokenizer_config.json and generation_config.json of a model's folder. */
  static async load(folder: string): Promise<TextTokenizer> {
    const file = path.resolve(folder, 'tokenizer.json');
    const optional = (name: string) =>
      readFile(path.resolve(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '{}';
        throw dataError({ file: path.resolve(folder, name) }, `cannot be read: ${error.message}`, { cause: error });
      });
    const [tokenizerJson, configJson, generationJson] = await Promise.all([
      readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw dataError(
          { file },
          error.code === 'ENOENT'
            ? "expected tokenizer.json in the model's folder, came nothing. Take it from the model's repository"
            : `cannot be read: ${error.message}`,
          { cause: error },
        );
      }),
      optional('tokenizer_config.json'),
      optional('generation_config.json'),
    ]);
    return new TextTokenizer({ file, tokenizerJson, configJson, generationJson });
  }

  /** Ids of a text; `special` adds what the tokenizer puts around a text by itself (such as bos). Default false. */
  encode(text: string, options: { readonly special?: boolean } = {}): Int32Array {
    return this.#around(this.#core.encode(text, { add_special_tokens: false }).ids, options.special ?? false);
  }

  /** As {@link encode}, with the characters that each token covers; without them when they cannot be known for sure. */
  encodeWithSpans(text: string, options: { readonly special?: boolean } = {}): EncodedText {
    const { ids: plain } = this.#core.encode(text, { add_special_tokens: false });
    const special = options.special ?? false;
    const ids = this.#around(plain, special);
    const spans = this.#surface === undefined ? undefined : alignTokens(text, plain, this.#surface);
    if (spans === undefined) return { ids };
    if (!special) return { ids, ...spans };
    const pad = (part: Int32Array) => {
      const all = new Int32Array(ids.length).fill(text.length);
      all.fill(0, 0, this.#before.length);
      all.set(part, this.#before.length);
      return all;
    };
    return { ids, begin: pad(spans.begin), end: pad(spans.end) };
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const stream = this.stream(options);
    if (stream instanceof WindowStreamDecoder) return this.#decodeWhole(Array.from(ids), options);
    return stream.whole(ids);
  }

  /** Decodes token by token, and never emits half a UTF-8 character. */
  stream(options: DecodeOptions = {}): ByteStreamDecoder | WindowStreamDecoder {
    const skip = options.skipSpecial ?? true;
    const surface = this.#surface;
    if (surface === undefined) return new WindowStreamDecoder((ids) => this.#decodeWhole(ids, options));
    const bytes = (id: number) => (skip && this.#special.has(id) ? undefined : surface.bytes(id));
    return new ByteStreamDecoder(bytes, surface.dropsFirstSpace && !(options.continues ?? false));
  }

  /** Bytes that an ordinary token adds to a text; undefined for added and missing ids, and where bytes cannot be known. */
  textBytes(id: number): Buffer | undefined {
    return this.#added.has(id) ? undefined : this.#surface?.bytes(id);
  }

  token(id: number): string | undefined {
    return this.#core.id_to_token(id);
  }

  idOf(token: string): number | undefined {
    return this.#core.token_to_id(token);
  }

  /** Special and other added tokens: those that never come out of splitting ordinary text. */
  isAdded(id: number): boolean {
    return this.#added.has(id);
  }

  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  /** Contents of the added tokens. */
  get addedTokens(): readonly string[] {
    return [...this.#added].map((id) => this.token(id) as string);
  }

  /** bos_token, eos_token and the like, as text; undefined if the tokenizer has none. */
  specialText(name: string): string | undefined {
    const value = this.config[name];
    if (typeof value === 'string') return value;
    if (typeof value === 'object' && value !== null && 'content' in value && typeof value.content === 'string')
      return value.content;
    return undefined;
  }

  /** Refuses a model whose vocabulary is too small: its embedding has no row for some of our ids. */
  checkVocabulary(vocabulary: number): void {
    const largest = Math.max(this.#plainSize - 1, this.bosId ?? 0, this.eosId ?? 0);
    if (largest >= vocabulary) {
      throw dataError(
        { file: this.files.file },
        `expected token ids below ${vocabulary}, the model's vocabulary, came ${largest} ` +
          `("${this.token(largest) ?? ''}"). The tokenizer belongs to another model: take the one from the ` +
          "model's folder",
      );
    }
  }

  #around(ids: readonly number[], special: boolean): Int32Array {
    if (ids.some((id) => !Number.isInteger(id))) {
      throw dataError(
        { file: this.files.file },
        'expected every piece of text to have an id, came one without, and the tokenizer has no ' +
          "unknown token. Take the tokenizer from the model's folder again",
      );
    }
    return Int32Array.from(special ? [...this.#before, ...ids, ...this.#after] : ids);
  }

  #decodeWhole(ids: readonly number[], options: DecodeOptions): string {
    const kept = ids.filter(
      (id) => this.token(id) !== undefined && !((options.skipSpecial ?? true) && this.#special.has(id)),
    );
    return kept.length === 0 ? '' : this.#core.decode(kept);
  }

  #specialId(name: string): number | undefined {
    const text = this.specialText(name);
    return text === undefined ? undefined : this.idOf(text);
  }

  /** What stands before and after every text: add_bos_token and add_eos_token if given, else the post-processor. */
  #templateIds(): [readonly number[], readonly number[]] {
    const { add_bos_token: bos, add_eos_token: eos } = this.config;
    if (typeof bos === 'boolean' || typeof eos === 'boolean') {
      return [
        bos === true && this.bosId !== undefined ? [this.bosId] : [],
        eos === true && this.eosId !== undefined ? [this.eosId] : [],
      ];
    }
    const plain: readonly number[] = this.#core.encode('a', { add_special_tokens: false }).ids;
    const all: readonly number[] = this.#core.encode('a').ids;
    const at = all.findIndex((_, i) => plain.every((id, k) => all[i + k] === id));
    return at === -1 ? [[], []] : [all.slice(0, at), all.slice(at + plain.length)];
  }
}

function parseObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw dataError(
      { file },
      `expected JSON, came text that is not: ${(error as Error).message}. Copy or download the file again`,
      { cause: error },
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw dataError({ file }, `expected a JSON object, came ${describe(value)}. Copy or download the file again`);
  }
  return value as Record<string, unknown>;
}
