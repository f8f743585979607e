// From data files to encoded rows, with the choices of a configuration.

import { readFile } from 'node:fs/promises';
import { openRecords } from '../data/records.js';
import { openSource } from '../data/source.js';
import { EngineError } from '../errors.js';
import { openDataset } from '../pack/dataset.js';
import type { Dataset } from '../pack/dataset.js';
import type { SequenceSet } from '../pack/plan.js';
import { loadChatTemplate } from '../text/chat-template.js';
import type { Config } from './config/schema.js';
import { splitRows } from './data.js';
import type { Parts } from './open.js';

export interface RowsOptions extends Partial<Pick<Config['data'], 'format' | 'fields' | 'trainOn' | 'textSplit' | 'chatTemplate' | 'chatTemplateName' | 'templateVariables' | 'tooLong'>> {
  /** Longest sequence; absent: no limit, and nothing is too long. */
  readonly maxLength?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
}

export interface Rows extends Pick<Dataset, 'report' | 'warnings'> {
  readonly set: SequenceSet;
  /** Identifies data, tokenizer, template and how rows are treated. */
  readonly key: string;
  close(): void;
}

/** Reads, tokenises and masks rows; the result is cached by content. Every problem of a row is an ERR_DATA naming it. */
export async function encodeRows(parts: Parts, files: string | readonly string[], options: RowsOptions = {}): Promise<Rows> {
  const { format = 'auto', fields, trainOn, maxLength, signal } = options;
  const tooLong = options.tooLong ?? await usualTreatment(files, { format, fields });
  const template = await templateOf(parts, options);
  const { set, report, warnings } = await openDataset(files, {
    tokenizer: parts.tokenizer, template, format, vocabulary: parts.model.spec.vocabulary,
    ...(fields === undefined ? {} : { fields }), ...(options.textSplit === undefined ? {} : { textSplit: options.textSplit }), ...(trainOn === undefined ? {} : { trainOn }),
    ...(maxLength === undefined || tooLong === 'split' ? {} : { maxLength, tooLong }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: ({ rows }) => options.onProgress?.(rows),
  });
  const split = maxLength !== undefined && tooLong === 'split';
  return {
    set: split ? splitRows(set, maxLength) : set,
    key: split ? `${set.key}/${maxLength}` : set.key,
    report, warnings, close: () => set.close(),
  };
}

/** Plain text is cut into pieces; an answer that is cut would never teach the model to stop. */
async function usualTreatment(files: string | readonly string[], options: Pick<RowsOptions, 'format' | 'fields'>): Promise<'split' | 'error'> {
  const records = await openRecords(await openSource(files), options);
  return records.detection.format === 'text' ? 'split' : 'error';
}

/** The model's own template unless the options say otherwise. */
async function templateOf(parts: Parts, { chatTemplate, chatTemplateName: name, templateVariables: variables }: RowsOptions): Promise<Parts['template']> {
  if (chatTemplate === undefined && name === undefined && variables === undefined) return parts.template;
  return loadChatTemplate(parts.tokenizer, {
    ...(chatTemplate === undefined ? {} : { override: await templateFile(chatTemplate) }),
    ...(name === undefined ? {} : { name }), ...(variables === undefined ? {} : { variables }),
  });
}

async function templateFile(file: string): Promise<{ readonly text: string; readonly file: string }> {
  try {
    return { text: await readFile(file, 'utf8'), file };
  } catch (error) {
    throw new EngineError(`data.chatTemplate: ${file} cannot be read (${(error as Error).message})`,
      { code: 'ERR_CONFIG', key: 'data.chatTemplate' }, { cause: error });
  }
}
