// The row formats one by one: by which fields each is recognised, how surely, and how a row of it becomes records.
import { dataError, describe } from '../../errors.js';
import type { ChatMessage, DataRecord } from '../../record.js';
import { readMessages, readTools, withSystem } from './chat.js';
import type { FieldName, RowFields } from './fields.js';
import { hhRlhf, isTranscript, kto, openaiPreference, preference, ultrafeedback, verdictOf } from './pairs.js';

export const DATA_FORMATS = [
  'messages', 'sharegpt', 'oasst', 'oasst-pairs', 'openai-preference', 'ultrafeedback', 'hh-rlhf', 'preference', 'kto',
  'completion', 'dolly', 'alpaca', 'text',
] as const;

export type DataFormat = (typeof DATA_FORMATS)[number];

export interface FormatRule {
  readonly example: string;
  /** Fields that a row must have. */
  readonly needed: readonly FieldName[];
  /** Fields that are used where they are there. */
  readonly optional?: readonly FieldName[];
  /** From 0 (surely not) to 1, for a row that has the needed fields. */
  readonly sure: (fields: RowFields) => number;
  readonly read: (fields: RowFields) => DataRecord;
}

const plain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string';

/** A list of objects (or JSON text of one), the first of which has this field. */
function listOf(value: unknown, field: string): number {
  if (typeof value === 'string') return /^\s*\[/.test(value) ? 0.9 : 0;
  if (!Array.isArray(value)) return 0;
  return plain(value[0]) && Object.hasOwn(value[0], field) ? 1 : 0;
}

export const RULES: Readonly<Record<Exclude<DataFormat, 'oasst' | 'oasst-pairs'>, FormatRule>> = {
  messages: {
    example: '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}',
    needed: ['messages'],
    optional: ['tools', 'system', 'weight'],
    sure: (fields) => (Math.max(listOf(fields.get('messages'), 'role'), listOf(fields.get('messages'), fields.name('role'))) > 0 ? 0.99 : 0.6),
    read: (fields) => chat(fields, 'messages'),
  },
  sharegpt: {
    example: '{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}',
    needed: ['conversations'],
    optional: ['tools', 'system', 'weight'],
    sure: (fields) => {
      const list = fields.get('conversations');
      return listOf(list, 'from') === 1 ? 0.99 : listOf(list, 'role') > 0 ? 0.95 : 0.6;
    },
    read: (fields) => chat(fields, 'conversations'),
  },
  'openai-preference': {
    example: '{"input": {"messages": […]}, "preferred_output": […], "non_preferred_output": […]}',
    needed: ['input'],
    sure: (fields) => {
      const { preferred_output: good, non_preferred_output: bad } = fields.raw.value;
      return plain(fields.get('input')) && Array.isArray(good) && Array.isArray(bad) ? 0.99 : 0;
    },
    read: openaiPreference,
  },
  ultrafeedback: {
    example: '{"instruction": "…", "completions": [{"response": "…", "overall_score": 8}, …]}',
    needed: ['instruction'],
    sure: (fields) => (listOf(fields.raw.value.completions, 'response') === 1 ? 0.99 : 0),
    read: ultrafeedback,
  },
  'hh-rlhf': {
    example: '{"chosen": "\\n\\nHuman: …\\n\\nAssistant: …", "rejected": "…"}',
    needed: ['chosen', 'rejected'],
    sure: (fields) => (isTranscript(fields.get('chosen')) && isTranscript(fields.get('rejected')) ? 0.99 : 0),
    read: hhRlhf,
  },
  preference: {
    example: '{"prompt": "…", "chosen": "…", "rejected": "…"}',
    needed: ['chosen', 'rejected'],
    optional: ['prompt', 'tools', 'system', 'weight'],
    // Beside the preferred conversation alone, which some sets repeat as "messages", the pair is the more telling one.
    sure: (fields) => (Array.isArray(fields.get('chosen')) && Array.isArray(fields.get('rejected')) ? 0.995 : fields.has('prompt') ? 0.98 : 0.5),
    read: preference,
  },
  kto: {
    example: '{"prompt": "…", "completion": "…", "label": true}',
    needed: ['prompt', 'completion', 'label'],
    optional: ['tools', 'system', 'weight'],
    // More telling than a prompt with its completion: without the label bad answers would be learned.
    sure: (fields) => (typeof fields.get('label') === 'boolean' ? 0.98 : verdictOf(fields.get('label')) !== undefined ? 0.975 : 0.3),
    read: kto,
  },
  completion: {
    example: '{"prompt": "…", "completion": "…"}',
    needed: ['prompt', 'completion'],
    optional: ['weight'],
    sure: () => 0.97,
    read: completion,
  },
  dolly: {
    example: '{"instruction": "…", "context": "…", "response": "…"}',
    needed: ['instruction', 'response'],
    optional: ['context', 'weight'],
    sure: (fields) => (!isText(fields.get('response')) ? 0 : fields.has('context') ? 0.98 : 0.85),
    read: (fields) => ({
      ...fields.origin(), kind: 'alpaca',
      instruction: fields.text('instruction'), input: fields.text('context', ''), output: fields.text('response'),
    }),
  },
  alpaca: {
    example: '{"instruction": "…", "input": "…", "output": "…"}',
    needed: ['instruction', 'output'],
    optional: ['input', 'system', 'history', 'weight'],
    sure: (fields) => (fields.has('input') ? 0.97 : 0.9),
    read: alpaca,
  },
  text: {
    example: '{"text": "…"}',
    needed: ['text'],
    optional: ['weight'],
    sure: (fields) => (!isText(fields.get('text')) ? 0.3 : Object.keys(fields.raw.value).length === 1 ? 0.97 : 0.8),
    read: (fields) => ({ ...fields.origin(), kind: 'text', text: fields.text('text') }),
  },
};

/** Pairs of names that many sets use for a question and its answer; less telling than our own. */
const QUESTIONS = ['prompt', 'question', 'query', 'problem', 'user', 'human', 'input'];
const ANSWERS = ['answer', 'response', 'solution', 'assistant', 'target', 'output'];

/** The field of a row that looks like a question. */
export const questionOf = (row: Readonly<Record<string, unknown>>): string | undefined => QUESTIONS.find((name) => isText(row[name]));

/** Fields of a row that look like a question and its answer: `{ prompt: 'question', completion: 'answer' }`. */
export function questionAndAnswer(row: Readonly<Record<string, unknown>>): { readonly prompt: string; readonly completion: string } | undefined {
  const prompt = questionOf(row);
  const completion = ANSWERS.find((name) => isText(row[name]));
  return prompt === undefined || completion === undefined ? undefined : { prompt, completion };
}

function chat(fields: RowFields, field: 'messages' | 'conversations'): DataRecord {
  return conversation(fields, withSystem(fields, readMessages(fields, fields.get(field), fields.name(field), fields.exact(field))));
}

function conversation(fields: RowFields, messages: readonly ChatMessage[]): DataRecord {
  const tools = readTools(fields);
  return { ...fields.origin(), kind: 'messages', messages, ...(tools === undefined ? {} : { tools }) };
}

/** Prompt and completion are both text, or both lists of messages of which only the completion is learned. */
function completion(fields: RowFields): DataRecord {
  const prompt = fields.get('prompt');
  const answer = fields.get('completion');
  if (!Array.isArray(prompt) && !Array.isArray(answer)) {
    return { ...fields.origin(), kind: 'completion', prompt: fields.text('prompt'), completion: fields.text('completion') };
  }
  if (!Array.isArray(prompt) || !Array.isArray(answer)) {
    throw fields.error(
      'completion',
      `expected prompt and completion to be both text or both lists of messages, came ${describe(prompt)} and ` +
        `${describe(answer)}`,
    );
  }
  const context = readMessages(fields, prompt, fields.name('prompt'), fields.exact('prompt')).map((message) => ({ ...message, weight: 0 }));
  return conversation(fields, [...context, ...readMessages(fields, answer, fields.name('completion'), fields.exact('completion'))]);
}

/** Plain, or with a system text and earlier turns as LLaMA-Factory writes them: then a conversation. */
function alpaca(fields: RowFields): DataRecord {
  const [instruction, input, output] = [fields.text('instruction'), fields.text('input', ''), fields.text('output')];
  const system = fields.has('system') ? fields.text('system') : '';
  const history = fields.get('history') ?? [];
  if (system === '' && Array.isArray(history) && history.length === 0)
    return { ...fields.origin(), kind: 'alpaca', instruction, input, output };
  if (!Array.isArray(history)) throw fields.error('history', `expected a list of [question, answer], came ${describe(history)}`);
  const turns = history.flatMap((turn: unknown, i): ChatMessage[] => {
    const [question, answer] = Array.isArray(turn) ? (turn as unknown[]) : [];
    if (typeof question !== 'string' || typeof answer !== 'string') {
      const { file, row } = fields.raw;
      throw dataError({ file, row, field: `${fields.name('history')}[${i}]` }, `expected [question, answer], came ${describe(turn)}`);
    }
    return [{ role: 'user', content: question }, { role: 'assistant', content: answer }];
  });
  return conversation(fields, [
    ...(system === '' ? [] : [{ role: 'system', content: system } as const]),
    ...turns,
    { role: 'user', content: input === '' ? instruction : `${instruction}\n\n${input}` },
    { role: 'assistant', content: output },
  ]);
}
