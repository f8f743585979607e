// The row formats: how each is recognised by its fields, and how a row of it becomes a record.
import { dataError, describe } from '../../errors.js';
import type { ChatMessage, DataRecord } from '../../record.js';
import type { RawRow } from '../source.js';
import { readMessages, readTools } from './chat.js';
import { found, RowFields, type FieldNames } from './fields.js';

export type DataFormat = 'text' | 'completion' | 'alpaca' | 'messages';

const EXAMPLES: Readonly<Record<DataFormat, string>> = {
  messages: '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}',
  completion: '{"prompt": "…", "completion": "…"}',
  alpaca: '{"instruction": "…", "input": "…", "output": "…"}',
  text: '{"text": "…"}',
};

const NEEDED: Readonly<Record<DataFormat, readonly (keyof FieldNames)[]>> = {
  messages: ['messages'],
  completion: ['prompt', 'completion'],
  alpaca: ['instruction', 'output'],
  text: ['text'],
};

/** Most telling fields first: a messages row that also has "text" is still a messages row. */
const ORDER: readonly DataFormat[] = ['messages', 'completion', 'alpaca', 'text'];

/** What a row was taken for, and by which fields: shown to the user before training. */
export interface Detection {
  readonly format: DataFormat;
  /** All fields of the first row. */
  readonly fields: readonly string[];
  /** Those that are used. */
  readonly used: readonly string[];
}

/** Recognises a row's format by its fields, or returns undefined. */
export function formatOf(raw: RawRow, names: FieldNames = {}): DataFormat | undefined {
  const fields = new RowFields(raw, names);
  return ORDER.find((format) => NEEDED[format].every((field) => fields.has(field)));
}

export function detect(raw: RawRow, names: FieldNames = {}, wanted?: DataFormat): Detection {
  const format = wanted ?? formatOf(raw, names);
  if (format === undefined) {
    throw dataError(
      { file: raw.file, row: raw.row },
      `expected one of ${ORDER.map((name) => EXAMPLES[name]).join(' or ')}; came ` +
        `${found(raw)}. Rename the fields, or say which is which (data.fields: {prompt: question, completion: answer})`,
    );
  }
  const fields = new RowFields(raw, names);
  const optional: readonly (keyof FieldNames)[] =
    format === 'alpaca' ? ['input', 'weight'] : format === 'messages' ? ['tools', 'weight'] : ['weight'];
  const used = [...NEEDED[format], ...optional.filter((field) => fields.has(field))].map((field) => fields.name(field));
  return { format, fields: Object.keys(raw.value), used };
}

/** Turns a row into a record of the given format; a row of another format is an error naming it. */
export function toRecord(raw: RawRow, format: DataFormat, names: FieldNames = {}): DataRecord {
  const fields = new RowFields(raw, names);
  const missing = NEEDED[format].find((field) => !fields.has(field));
  if (missing !== undefined) {
    const other = formatOf(raw, names);
    if (other !== undefined && other !== format) throw mixedRow(raw, format, other);
    const isNull = fields.get(missing) === null ? ` with "${fields.name(missing)}" null` : '';
    throw dataError(
      { file: raw.file, row: raw.row, field: fields.name(missing) },
      `expected a row like ${EXAMPLES[format]}, came ${found(raw)}${isNull}. Correct or remove the row`,
    );
  }
  switch (format) {
    case 'text':
      return { ...fields.origin(), kind: 'text', text: fields.text('text') };
    case 'completion':
      return completion(fields);
    case 'alpaca':
      return {
        ...fields.origin(),
        kind: 'alpaca',
        instruction: fields.text('instruction'),
        input: fields.text('input', ''),
        output: fields.text('output'),
      };
    case 'messages': {
      const messages = readMessages(fields, fields.get('messages'), fields.name('messages'));
      return chat(fields, messages);
    }
  }
}

/** All rows of a data set have one format: a row that looks like another one is refused. */
export function mixedRow(raw: RawRow, format: DataFormat, other: DataFormat): Error {
  return dataError(
    { file: raw.file, row: raw.row },
    `expected a row like ${EXAMPLES[format]} (the format of this data set), came ` +
      `a row like ${EXAMPLES[other]}. All rows must have the same format: split them into two data sets, or set ` +
      'data.format',
  );
}

/** Prompt and completion are both text, or both lists of messages of which only the completion is learned. */
function completion(fields: RowFields): DataRecord {
  const prompt = fields.get('prompt');
  const answer = fields.get('completion');
  if (!Array.isArray(prompt) && !Array.isArray(answer)) {
    return {
      ...fields.origin(),
      kind: 'completion',
      prompt: fields.text('prompt'),
      completion: fields.text('completion'),
    };
  }
  if (!Array.isArray(prompt) || !Array.isArray(answer)) {
    throw fields.error(
      'completion',
      `expected prompt and completion to be both text or both lists of messages, came ${describe(prompt)} and ` +
        `${describe(answer)}`,
    );
  }
  const context = readMessages(fields, prompt, fields.name('prompt')).map((message) => ({ ...message, weight: 0 }));
  return chat(fields, [...context, ...readMessages(fields, answer, fields.name('completion'))]);
}

function chat(fields: RowFields, messages: readonly ChatMessage[]): DataRecord {
  const tools = readTools(fields);
  return { ...fields.origin(), kind: 'messages', messages, ...(tools === undefined ? {} : { tools }) };
}
