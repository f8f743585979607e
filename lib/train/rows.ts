// From data files to encoded rows, with the choices of a configuration. Several sets become one, end to end.

import { readFile } from 'node:fs/promises';
import type { Detection } from '../data/formats/format.js';
import { openRecords } from '../data/records.js';
import { openSource } from '../data/source.js';
import { EngineError } from '../errors.js';
import { openDataset } from '../pack/dataset.js';
import type { Dataset, DatasetOptions } from '../pack/dataset.js';
import { joinSets } from '../pack/join.js';
import type { SequenceSet } from '../pack/plan.js';
import { addReports, EMPTY_REPORT } from '../text/encoded-set.js';
import { loadChatTemplate } from '../text/chat-template.js';
import type { Config } from './config/schema.js';
import { splitRows } from './data.js';
import type { Parts } from './open.js';
import { setsOf } from './sets.js';
import type { NamedSet, SetConfig } from './sets.js';

export interface RowsOptions extends Partial<Pick<Config['data'],
  'format' | 'fields' | 'roles' | 'pairs' | 'trainOn' | 'textSplit' | 'chatTemplate' | 'chatTemplateName' | 'templateVariables' | 'tooLong'
  | 'useTemplate' | 'reasoning' | 'endOfTurn' | 'straddling' | 'badRows' | 'maxRowBytes'>> {
  /** Longest sequence; absent: no limit, and nothing is too long. */
  readonly maxLength?: number;
  /** Where rows that cannot be used are kept; with several sets its name gets theirs. */
  readonly badRowsFile?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
  /** Called for each set with what its rows were taken for, and its rows. */
  readonly onDetected?: (set: string, detection: Detection, rows: SequenceSet) => void;
}

/** One of the sets that rows came from: sequences [begin, end). */
export interface RowsPart extends Pick<NamedSet, 'name' | 'share' | 'tokens'> {
  readonly begin: number;
  readonly end: number;
}

export interface Rows extends Pick<Dataset, 'report' | 'warnings'> {
  readonly set: SequenceSet;
  readonly parts: readonly RowsPart[];
  /** Identifies data, tokenizer, template and how rows are treated. */
  readonly key: string;
  close(): void;
}

/** Reads, tokenises and masks rows; the result is cached by content. Every problem of a row is an ERR_DATA naming it. */
export async function encodeRows(parts: Parts, train: string | readonly (string | SetConfig)[], options: RowsOptions = {}): Promise<Rows> {
  const template = await templateOf(parts, options);
  const sets = setsOf(train);
  const open: { readonly named: NamedSet; readonly set: SequenceSet; readonly data: Dataset; readonly key: string }[] = [];
  const close = (): void => open.forEach(({ data }) => data.set.close());
  let before = 0;
  try {
    for (const named of sets) {
      const { datasetOptions, tooLong } = await optionsOf(parts, template, named, options, sets.length > 1);
      const data = await openDataset(named.files, { ...datasetOptions, onProgress: ({ rows }) => options.onProgress?.(before + rows) });
      const split = options.maxLength !== undefined && tooLong === 'split';
      open.push({
        named, data, set: split ? splitRows(data.set, options.maxLength!) : data.set, key: split ? `${data.set.key}/${options.maxLength}` : data.set.key,
      });
      options.onDetected?.(named.name, data.detection, data.set);
      before += data.report.rows;
    }
  } catch (error) {
    close();
    throw error;
  }
  let end = 0;
  return {
    set: joinSets(open.map(({ set, data }) => ({ set, rows: data.report.rows }))),
    parts: open.map(({ named: { name, share, tokens }, set }) => ({ name, share, tokens, begin: end, end: (end += set.length) })),
    key: open.map(({ key }) => key).join('+'),
    report: open.map(({ data }) => data.report).reduce(addReports, EMPTY_REPORT),
    warnings: open.flatMap(({ named, data }) => (sets.length === 1 ? data.warnings : data.warnings.map((text) => `${named.name}: ${text}`))),
    close,
  };
}

/** How a set is read: its own settings before those of all sets. */
export async function optionsOf(parts: Parts, template: Parts['template'], named: NamedSet, options: RowsOptions, several: boolean): Promise<{
  readonly datasetOptions: DatasetOptions; readonly tooLong: 'split' | 'truncate' | 'drop' | 'error';
}> {
  const { maxLength, signal, badRowsFile } = options;
  const chosen = <K extends 'format' | 'fields' | 'roles' | 'pairs' | 'trainOn' | 'textSplit'>(name: K): Partial<Pick<NamedSet, K>> => {
    const value = named[name] ?? options[name];
    return (value === undefined ? {} : { [name]: value }) as Partial<Pick<NamedSet, K>>;
  };
  const same = <K extends 'useTemplate' | 'reasoning' | 'endOfTurn' | 'straddling' | 'badRows' | 'maxRowBytes'>(name: K): Partial<Pick<RowsOptions, K>> =>
    (options[name] === undefined ? {} : { [name]: options[name] }) as Partial<Pick<RowsOptions, K>>;
  const reading = { ...chosen('format'), ...chosen('fields'), ...chosen('roles'), ...chosen('pairs') };
  const tooLong = options.tooLong ?? await usualTreatment(named.files, { ...reading, ...(options.badRows === 'keep-aside' ? { onBad: () => undefined } : {}) });
  return {
    tooLong,
    datasetOptions: {
      tokenizer: parts.tokenizer, template, vocabulary: parts.model.spec.vocabulary,
      ...reading, ...chosen('trainOn'), ...chosen('textSplit'),
      ...same('useTemplate'), ...same('reasoning'), ...same('endOfTurn'), ...same('straddling'), ...same('badRows'), ...same('maxRowBytes'),
      ...(named.weight === undefined ? {} : { weight: named.weight }),
      ...(badRowsFile === undefined ? {} : { badRowsFile: several ? badRowsFile.replace(/(\.[^.]*)?$/, `-${named.name.replaceAll(/[^\w.-]/g, '_')}$1`) : badRowsFile }),
      ...(maxLength === undefined || tooLong === 'split' ? {} : { maxLength, tooLong }),
      ...(signal === undefined ? {} : { signal }),
    },
  };
}

/** Plain text is cut into pieces; an answer that is cut would never teach the model to stop. */
async function usualTreatment(files: readonly string[], options: Parameters<typeof openRecords>[1]): Promise<'split' | 'error'> {
  const records = await openRecords(await openSource(files, options), options);
  return records.detection.format === 'text' ? 'split' : 'error';
}

/** The model's own template unless the options say otherwise. */
export async function templateOf(
  parts: Pick<Parts, 'tokenizer' | 'template'>,
  { chatTemplate, chatTemplateName: name, templateVariables: variables }: Pick<RowsOptions, 'chatTemplate' | 'chatTemplateName' | 'templateVariables'>,
): Promise<Parts['template']> {
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
