// Which format rows have: recognised by their fields, with a stated confidence, and turned into records.
import { dataError } from '../../errors.js';
import type { DataRecord } from '../../record.js';
import type { RawRow } from '../source.js';
import { found, RowFields, type FieldName, type Mapping } from './fields.js';
import { readTree, sureOfTree } from './oasst.js';
import { DATA_FORMATS, questionAndAnswer, questionOf, RULES, type DataFormat } from './rules.js';

export { DATA_FORMATS, type DataFormat } from './rules.js';

/** What rows were taken for, how surely, and by which fields: shown to the user before training. */
export interface Detection {
  readonly format: DataFormat;
  /** From 0 to 1: how telling the fields are, and how many of the rows looked at have them. 1 for a format that was given. */
  readonly confidence: number;
  /** In words. */
  readonly reason: string;
  /** All fields of the first row. */
  readonly fields: readonly string[];
  /** Those that are used. */
  readonly used: readonly string[];
  /** Names of fields that were found out, as `data.fields` would say them. */
  readonly mapping: Mapping;
  /** Other formats that rows were taken for, and how many rows. */
  readonly others: Readonly<Record<string, number>>;
  /** Rows looked at. */
  readonly sampled: number;
}

interface Match {
  readonly format: DataFormat;
  readonly sure: number;
  readonly mapping: Mapping;
}

const GUESSED = 0.75;

/** The most probable format of one row, or undefined. */
function match(raw: RawRow, mapping: Mapping): Match | undefined {
  const fields = new RowFields(raw, mapping);
  let best: Match | undefined;
  const tree = sureOfTree(raw);
  if (tree > 0) best = { format: 'oasst', sure: tree, mapping };
  for (const format of DATA_FORMATS) {
    if (format === 'oasst' || format === 'oasst-pairs') continue;
    const { needed, sure } = RULES[format];
    if (!needed.every((field) => fields.has(field))) continue;
    const value = sure(fields);
    if (value > (best?.sure ?? 0)) best = { format, sure: value, mapping };
  }
  if ((best?.sure ?? 0) >= GUESSED) return best;
  const asked = best?.format === 'preference' && !fields.has('prompt') ? questionOf(raw.value) : undefined;
  if (asked !== undefined) return { format: 'preference', sure: GUESSED, mapping: { ...mapping, fields: { ...mapping.fields, prompt: asked } } };
  const guess = mapping.fields?.prompt === undefined ? questionAndAnswer(raw.value) : undefined;
  return guess === undefined ? best : { format: 'completion', sure: GUESSED, mapping: { ...mapping, fields: { ...mapping.fields, ...guess } } };
}

/** Recognises a row's format by its fields, or returns undefined. */
export function formatOf(raw: RawRow, mapping: Mapping = {}): DataFormat | undefined {
  return match(raw, mapping)?.format;
}

/** Finds out the format of rows from some of them; `wanted` is taken as it is. */
export function detect(rows: readonly RawRow[], mapping: Mapping = {}, wanted?: DataFormat): Detection {
  const first = rows[0] as RawRow;
  if (wanted !== undefined) return describeRows(first, rows.length, { format: wanted, sure: 1, mapping }, 1, 'it was given', {});
  const sums = new Map<string, { match: Match; sum: number; rows: number }>();
  let unknown = 0;
  for (const raw of rows) {
    const one = match(raw, mapping);
    if (one === undefined) {
      unknown++;
      continue;
    }
    const key = `${one.format} ${JSON.stringify(one.mapping)}`;
    const entry = sums.get(key) ?? { match: one, sum: 0, rows: 0 };
    sums.set(key, { match: entry.match, sum: entry.sum + one.sure, rows: entry.rows + 1 });
  }
  const sorted = [...sums.values()].sort((a, b) => b.sum - a.sum);
  const [best, ...rest] = sorted;
  if (best === undefined) {
    throw dataError(
      { file: first.file, row: first.row },
      `expected one of ${(['messages', 'completion', 'alpaca', 'text'] as const).map((name) => RULES[name].example).join(' or ')}; came ` +
        `${found(first)}. Rename the fields, or say which is which (data.fields: {prompt: question, completion: answer})`,
    );
  }
  const others = Object.fromEntries([
    ...rest.map(({ match: other, rows: count }) => [other.format, count] as const),
    ...(unknown > 0 ? [['unknown', unknown] as const] : []),
  ]);
  const share = best.rows === rows.length ? `all ${rows.length} rows looked at have` : `${best.rows} of ${rows.length} rows looked at have`;
  const { used } = usedFields(first, best.match);
  const guessed = best.match.mapping === mapping ? ''
    : best.match.format === 'preference' ? ', of which one has a common name for a prompt' : ', which are common names for a prompt and its completion';
  const names = used.length === 0 ? 'its shape' : used.map((name) => `"${name}"`).join(', ');
  return describeRows(first, rows.length, best.match, best.sum / rows.length, `${share} ${names}${guessed}`, others);
}

function describeRows(
  first: RawRow, sampled: number, { format, mapping }: Match, confidence: number, reason: string, others: Readonly<Record<string, number>>,
): Detection {
  const { used } = usedFields(first, { format, sure: confidence, mapping });
  return { format, confidence: Math.round(confidence * 1000) / 1000, reason, fields: Object.keys(first.value), used, mapping, others, sampled };
}

function usedFields(raw: RawRow, { format, mapping }: Match): { readonly used: readonly string[] } {
  const fields = new RowFields(raw, mapping);
  if (format === 'oasst' || format === 'oasst-pairs') {
    return { used: ['prompt', 'message_tree_id', 'message_id', 'parent_id', 'text', 'role', 'rank'].filter((name) => Object.hasOwn(raw.value, name)) };
  }
  const { needed, optional = [] } = RULES[format];
  const own: readonly string[] = format === 'openai-preference' ? ['preferred_output', 'non_preferred_output'] : format === 'ultrafeedback' ? ['completions'] : [];
  const used = [...needed, ...optional.filter((field) => fields.has(field))].map((field: FieldName) => fields.name(field));
  return { used: [...used, ...own] };
}

/** Turns a row into a record of the given format; a row of another format is an error naming it. */
export function toRecord(raw: RawRow, format: DataFormat, mapping: Mapping = {}): DataRecord {
  if (format === 'oasst' || format === 'oasst-pairs') {
    const [record] = readTree([raw], format === 'oasst-pairs');
    if (record === undefined) {
      throw dataError({ file: raw.file, row: raw.row },
        'expected a row that stands alone, came a message of a tree whose others lie in other rows. Write its threads first: whetstone data clean FILES --output DIR');
    }
    return record;
  }
  const { needed, example, read } = RULES[format];
  const fields = new RowFields(raw, mapping);
  const missing = needed.find((field) => !fields.has(field));
  if (missing !== undefined) {
    const other = formatOf(raw, mapping);
    if (other !== undefined && other !== format) throw mixedRow(raw, format, other);
    const isNull = fields.get(missing) === null ? ` with "${fields.name(missing)}" null` : '';
    throw dataError(
      { file: raw.file, row: raw.row, field: fields.name(missing) },
      `expected a row like ${example}, came ${found(raw)}${isNull}. Correct or remove the row`,
    );
  }
  return read(fields);
}

export const exampleOf = (format: DataFormat): string =>
  format === 'oasst' || format === 'oasst-pairs' ? '{"message_tree_id": "…", "prompt": {"role": "prompter", "text": "…", "replies": […]}}' : RULES[format].example;

/** All rows of a data set have one format: a row that looks like another one is refused. */
export function mixedRow(raw: RawRow, format: DataFormat, other: DataFormat): Error {
  return dataError(
    { file: raw.file, row: raw.row },
    `expected a row like ${exampleOf(format)} (the format of this data set), came ` +
      `a row like ${exampleOf(other)}. All rows must have the same format: split them into two data sets, or set ` +
      'data.format',
  );
}
