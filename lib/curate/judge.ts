// Judges one batch of rows by everything that looks at a row alone: what it says is wrong, where anything is, and how good it is.
import type { FieldNames, RoleNames } from '../data/formats/fields.js';
import { detect, toRecord } from '../data/formats/format.js';
import type { DataFormat, Detection } from '../data/formats/format.js';
import type { RawRow } from '../data/source.js';
import { isEngineError } from '../errors.js';
import type { DataRecord } from '../record.js';
import { c4Lines } from './c4-lines.js';
import { checkChat, rowScore } from './chat.js';
import type { ChatCheck } from './chat.js';
import type { CurateConfig } from './curate-config.js';
import type { Decontaminator } from './decontaminate.js';
import { languageOf } from './language.js';
import { QUALITY_FILTERS, judgeQuality } from './quality.js';
import type { QualityFilter } from './quality.js';
import type { BytesRow } from './raw-rows.js';
import { answerText, recordText } from './record-text.js';
import { turnsOf } from './turns.js';

export interface Judged {
  /** "step: reason"; '' stays. */
  readonly reason: string;
  /** More about it, for the file of removed rows. */
  readonly detail?: unknown;
  readonly text: string;
  /** Absent where the row is bad. */
  readonly record?: DataRecord;
  readonly score: number;
  readonly words: number;
  /** 0 where nobody asked for them. */
  readonly tokens: number;
}

export interface Reading {
  readonly format?: DataFormat | 'auto' | undefined;
  readonly fields?: FieldNames | undefined;
  readonly roles?: RoleNames | undefined;
}

export interface JudgeTools {
  /** Text of evaluation sets. */
  readonly index?: Decontaminator | undefined;
  readonly countTokens?: ((text: string) => number) | undefined;
}

const LOOKED_AT = 100;

const wordCount = (text: string): number => text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0;

export class Judge {
  readonly #config: CurateConfig;
  readonly #index: Decontaminator | undefined;
  readonly #countTokens: ((text: string) => number) | undefined;
  readonly #reading: Reading;
  readonly #files: readonly string[];
  #detection: Detection | undefined;

  constructor(config: CurateConfig, files: readonly string[], reading: Reading, { index, countTokens }: JudgeTools = {}) {
    this.#config = config;
    this.#files = files;
    this.#reading = reading;
    this.#index = index;
    this.#countTokens = countTokens;
  }

  /** What rows are taken for, once there was one. */
  get detection(): Detection | undefined {
    return this.#detection;
  }

  /** For going on with rows whose format an earlier run found out. */
  set detection(detection: Detection | undefined) {
    this.#detection ??= detection;
  }

  async batch(rows: readonly BytesRow[], signal?: AbortSignal): Promise<readonly Judged[]> {
    this.#detection ??= this.#detect(rows);
    const judged = rows.map((row) => this.#row(row));
    const { quality, lines } = this.#config;
    const filters = quality === false ? [] : quality as readonly QualityFilter[];
    const shortens = lines === 'c4' && this.#detection?.format === 'text';
    // As in datatrove's pipelines, what comes after C4's filter sees the lines that it left.
    const later = shortens ? filters.filter((filter) => QUALITY_FILTERS.indexOf(filter) > QUALITY_FILTERS.indexOf('c4')) : [];
    await this.#filter(judged, filters.filter((filter) => !later.includes(filter)), signal);
    if (!shortens) return judged;
    for (const [at, one] of judged.entries()) if (one.reason === '') judged[at] = this.#shortened(one);
    await this.#filter(judged, later, signal);
    return judged;
  }

  async #filter(judged: Judged[], filters: readonly QualityFilter[], signal?: AbortSignal): Promise<void> {
    if (filters.length === 0) return;
    const left = judged.map((one, at) => at).filter((at) => judged[at]!.reason === '');
    const reasons = await judgeQuality(left.map((at) => judged[at]!.text), { filters, limits: this.#config.limits, signal });
    left.forEach((at, place) => {
      const bad = reasons[place]!.findIndex((reason) => reason !== '');
      if (bad >= 0) judged[at] = { ...judged[at]!, reason: `${QUALITY_FILTERS[bad]}: ${reasons[place]![bad]}` };
    });
  }

  #shortened(one: Judged): Judged {
    const text = c4Lines(one.text, this.#config.limits);
    return text === one.text ? one : { ...one, text, words: wordCount(text), tokens: this.#countTokens?.(text) ?? 0, score: rowScore(text, text) };
  }

  #row(row: BytesRow): Judged {
    if (row.value === undefined) {
      return row.bad === '' ? nothing('bad-rows: empty line') : nothing('bad-rows: unreadable', row.bad);
    }
    let record: DataRecord;
    try {
      record = this.#record(row);
    } catch (error) {
      if (!isEngineError(error, 'ERR_DATA')) throw error;
      return nothing('bad-rows: unusable', error.message);
    }
    const text = recordText(record);
    const words = wordCount(text);
    const tokens = this.#countTokens?.(text) ?? 0;
    const found = this.#wrong(record, text, { words, tokens });
    return { reason: '', ...found, text, record, words, tokens, score: rowScore(text, answerText(record)) };
  }

  #raw(row: BytesRow): RawRow {
    return {
      value: row.value!, file: this.#files[row.file]!, row: row.row, index: row.index,
      after: { file: row.file, at: { offset: 0, row: row.row }, index: row.index + 1 },
    };
  }

  /** From the first rows that can be read; undefined while there are none. */
  #detect(rows: readonly BytesRow[]): Detection | undefined {
    const first = rows.filter(({ value }) => value !== undefined).slice(0, LOOKED_AT).map((row) => this.#raw(row));
    if (first.length === 0) return undefined;
    const { format, fields, roles } = this.#reading;
    return detect(first, { ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }) },
      format === 'auto' ? undefined : format);
  }

  #record(row: BytesRow): DataRecord {
    const { format, mapping } = this.#detection!;
    return toRecord(this.#raw(row), format, mapping);
  }

  #wrong(record: DataRecord, text: string, { words, tokens }: Pick<Judged, 'words' | 'tokens'>): { readonly reason: string; readonly detail?: unknown } | undefined {
    const { length, chat, languages } = this.#config;
    const characters = text.length;
    const detail = { characters, words, ...(this.#countTokens === undefined ? {} : { tokens }) };
    if (characters < length.minCharacters || words < length.minWords || tokens < length.minTokens) return { reason: 'length: too short', detail };
    if (characters > (length.maxCharacters ?? Infinity) || words > (length.maxWords ?? Infinity) || tokens > (length.maxTokens ?? Infinity)) return { reason: 'length: too long', detail };
    if (chat !== false) {
      const findings = checkChat(turnsOf(record), chat === true ? undefined : (chat as readonly ChatCheck[]));
      if (findings.length > 0) return { reason: `chat: ${findings[0]!.check}`, detail: findings.map(({ check, seen }) => `${check}: ${seen}`) };
    }
    if (languages.length > 0) {
      const language = languageOf(text);
      if (language !== undefined && !languages.includes(language)) return { reason: `language: ${language}` };
    }
    const hit = this.#index?.check(text);
    return hit === undefined ? undefined : { reason: 'decontamination: evaluation text', detail: { ...hit, training: text.slice(0, 2000) } };
  }
}

const nothing = (reason: string, detail?: unknown): Judged =>
  ({ reason, text: '', score: 0, words: 0, tokens: 0, ...(detail === undefined ? {} : { detail }) });
