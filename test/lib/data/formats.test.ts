// Row formats: recognition, every shape that is accepted, and rows that are refused by file, row and field.
import type { DataRecord } from '../../../lib/record.js';
import { openRecords, type RecordOptions } from '../../../lib/data/records.js';
import { openSource } from '../../../lib/data/source.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
let number = 0;

async function recordsOf(rows: readonly unknown[] | string, options: RecordOptions = {}, ending = 'jsonl') {
  const content = typeof rows === 'string' ? rows : rows.map((row) => JSON.stringify(row)).join('\n');
  const file = folder.write(`f${number++}.${ending}`, content);
  const records = await openRecords(await openSource(file), options);
  const list: DataRecord[] = [];
  for await (const record of records) list.push(record);
  return { file, list, detection: records.detection };
}

const shapeOf = (record: DataRecord) =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !['file', 'row', 'index'].includes(name)));

test.each<[string, unknown, unknown]>([
  ['text', { text: 'a', meta: 1 }, { kind: 'text', text: 'a' }],
  [
    'completion',
    { prompt: 'p', completion: 'c', weight: 0.5 },
    { kind: 'completion', prompt: 'p', completion: 'c', weight: 0.5 },
  ],
  [
    'alpaca',
    { instruction: 'i', input: '', output: 'o' },
    { kind: 'alpaca', instruction: 'i', input: '', output: 'o' },
  ],
  [
    'alpaca',
    { instruction: 'i', output: 'o', text: 'the whole' },
    { kind: 'alpaca', instruction: 'i', input: '', output: 'o' },
  ],
  [
    'messages',
    {
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: 'a', weight: 0 },
      ],
    },
    {
      kind: 'messages',
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: 'a', weight: 0 },
      ],
    },
  ],
  [
    'messages',
    {
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'r',
          tool_calls: [{ id: '1', function: { name: 'f', arguments: '{"x": 1}' } }],
        },
        { role: 'tool', content: '7', tool_call_id: '1' },
      ],
      tools: [{ type: 'function' }],
    },
    {
      kind: 'messages',
      tools: [{ type: 'function' }],
      messages: [
        { role: 'system', content: 'ab' },
        {
          role: 'assistant',
          content: null,
          extra: { reasoning_content: 'r', tool_calls: [{ id: '1', function: { name: 'f', arguments: { x: 1 } } }] },
        },
        { role: 'tool', content: '7', extra: { tool_call_id: '1' } },
      ],
    },
  ],
  [
    'completion',
    {
      prompt: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: 'x' },
        { role: 'user', content: 'r' },
      ],
      completion: [{ role: 'assistant', content: 'a' }],
    },
    {
      kind: 'messages',
      messages: [
        { role: 'user', content: 'q', weight: 0 },
        { role: 'assistant', content: 'x', weight: 0 },
        { role: 'user', content: 'r', weight: 0 },
        { role: 'assistant', content: 'a' },
      ],
    },
  ],
])('%s rows are recognised and read', async (format, row, expected) => {
  const { list, detection } = await recordsOf([row, row]);
  expect(detection.format).toBe(format);
  expect(list.map(shapeOf)).toEqual([expected, expected]);
  expect(list.map(({ row: line, index }) => [line, index])).toEqual([
    [1, 0],
    [2, 1],
  ]);
});

test('the detection says which fields it saw and which it uses', async () => {
  const { detection } = await recordsOf([{ id: 1, question: 'q', answer: 'a', weight: 2 }], {
    fields: { prompt: 'question', completion: 'answer' },
  });
  expect(detection).toMatchObject({
    confidence: 0.97,
    sampled: 1,
    format: 'completion',
    fields: ['id', 'question', 'answer', 'weight'],
    used: ['question', 'answer', 'weight'],
  });
});

test('CSV columns and messages as JSON text work too', async () => {
  const { list } = await recordsOf(
    'messages,weight\n"[{""role"": ""user"", ""content"": ""q""}, {""role"": ""assistant"", ""content"": ' +
      '""a""}]",0.25\n',
    {},
    'csv',
  );
  expect(list.map(shapeOf)).toEqual([
    {
      kind: 'messages',
      weight: 0.25,
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: 'a' },
      ],
    },
  ]);
});

test('a given format reads rows that hold the fields of two', async () => {
  const rows = [{ text: 'a' }, { text: 'b', prompt: 'p', completion: 'c' }];
  expect((await recordsOf(rows, { format: 'text' })).list.map(({ kind }) => kind)).toEqual(['text', 'text']);
  expect((await rejection(recordsOf(rows))).message).toMatch(/row 2.*\{"prompt".*same format/);
});

const chat = (...messages: unknown[]) => ({ messages });
const user = { role: 'user', content: 'q' };

test.each<[string, unknown[], RecordOptions, number | undefined, string | undefined, RegExp]>([
  [
    'unknown fields',
    [{ subject: 'q', body: 'a' }],
    {},
    1,
    undefined,
    /came the fields "subject", "body".*data\.fields/,
  ],
  ['no rows', [], {}, undefined, undefined, /at least one row/],
  ['mixed rows', [{ text: 'a' }, { prompt: 'p', completion: 'c' }], {}, 2, undefined, /same format/],
  ['a missing field', [{ text: 'a' }, { txt: 'b' }], {}, 2, 'text', /the fields "txt"/],
  [
    'a null field',
    [
      { prompt: 'a', completion: 'b' },
      { prompt: 'a', completion: null },
    ],
    {},
    2,
    'completion',
    /null/,
  ],
  ['a number for text', [{ text: 7 }], {}, 1, 'text', /expected text, came number 7/],
  ['half a character', ['{"text": "a\\ud83d b"}'], {}, 1, 'text', /surrogate/],
  ['a negative weight', [{ text: 'a', weight: -1 }], {}, 1, 'weight', /0 or more, came number -1/],
  ['a weight in words', [{ text: 'a', weight: 'high' }], {}, 1, 'weight', /"high"/],
  ['messages that are no list', [{ messages: 'hello' }], {}, 1, 'messages', /list of messages/],
  ['no messages', [chat()], {}, 1, 'messages', /empty list/],
  [
    'an unknown role',
    [chat({ role: 'wizard', content: 'x' })],
    {},
    1,
    'messages[0].role',
    /system, user, assistant, tool, came "wizard"/,
  ],
  ['no role', [chat(user, { content: 'x' })], {}, 1, 'messages[1].role', /came nothing/],
  ['no content', [chat(user, { role: 'assistant' })], {}, 1, 'messages[1].content', /came nothing/],
  [
    'an image',
    [chat({ role: 'user', content: [{ type: 'image_url', image_url: 'x' }] })],
    {},
    1,
    'messages[0].content[0]',
    /"image_url".*Only text/,
  ],
  [
    'a message weight of the wrong type',
    [chat(user, { role: 'assistant', content: 'x', weight: true })],
    {},
    1,
    'messages[1].weight',
    /boolean true/,
  ],
  ['tools that are no list', [{ ...chat(user), tools: 7 }], {}, 1, 'tools', /tool descriptions/],
  ['text and messages in one pair', [{ prompt: 'p', completion: [user] }], {}, 1, 'completion', /both/],
  [
    'another format than the one given',
    [{ text: 'a' }],
    { format: 'messages' },
    1,
    undefined,
    /expected a row like \{"messages"/,
  ],
])('%s: refused with the place', async (_, rows, options, row, field, message) => {
  const content = typeof rows[0] === 'string' ? rows[0] : rows.map((item) => JSON.stringify(item)).join('\n');
  const error = await rejection(recordsOf(content, options));
  expect(error.code).toBe('ERR_DATA');
  expect([error.details.row, error.details.field]).toEqual([row, field]);
  expect(error.message).toMatch(message);
  expect(error.message).toMatch(/f\d+\.jsonl/);
});

test('names such as __proto__ in rows are data', async () => {
  const { list } = await recordsOf('{"text": "a", "__proto__": {"weight": 5}}');
  expect(list.map(shapeOf)).toEqual([{ kind: 'text', text: 'a' }]);
});
