// Rows of the well-known sets as they are published: recognised with a confidence, and what becomes of them.
import { openRecords, type RecordOptions } from '../../../lib/data/records.js';
import { openSource } from '../../../lib/data/source.js';
import { parseExact, pythonNumber } from '../../../lib/data/exact.js';
import type { DataRecord } from '../../../lib/record.js';
import { EXACT_CLOSE, EXACT_KEY, EXACT_OPEN } from '../../../lib/record.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
let number = 0;

async function read(rows: readonly unknown[] | string, options: RecordOptions = {}, ending = 'jsonl') {
  const content = typeof rows === 'string' ? rows : rows.map((row) => JSON.stringify(row)).join('\n');
  const records = await openRecords(await openSource(folder.write(`s${number++}.${ending}`, content), options), options);
  const list: DataRecord[] = [];
  for await (const record of records) list.push(record);
  return { detection: records.detection, list, shapes: list.map(({ file: _f, row: _r, index: _i, ...shape }) => shape) };
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string, rest: object = {}) => ({ role: 'assistant', content, ...rest });

test.each<[string, number, unknown, unknown]>([
  ['dolly', 0.98, { instruction: 'i', context: 'c', response: 'r', category: 'open_qa' }, { kind: 'alpaca', instruction: 'i', input: 'c', output: 'r' }],
  ['sharegpt', 0.99, { id: 'x', system: 's', conversations: [{ from: 'human', value: 'q' }, { from: 'gpt', value: 'a', loss: false }, { from: 'human', value: 'r' }, { from: 'gpt', value: 'b' }] },
    { kind: 'messages', messages: [{ role: 'system', content: 's' }, user('q'), assistant('a', { weight: 0 }), user('r'), assistant('b')] }],
  ['sharegpt', 0.99, { conversations: [{ from: 'human', value: 'q' }, { from: 'function_call', value: '{"name": "f", "arguments": {"x": 1}}' }, { from: 'observation', value: '2' }, { from: 'gpt', value: 'a' }] },
    { kind: 'messages', messages: [user('q'), { role: 'assistant', content: null, extra: { tool_calls: [{ type: 'function', function: { name: 'f', arguments: { x: 1 } } }] } }, { role: 'tool', content: '2' }, assistant('a')] }],
  ['alpaca', 0.97, { instruction: 'i', input: '', output: 'o', system: 's', history: [['q', 'a']] },
    { kind: 'messages', messages: [{ role: 'system', content: 's' }, user('q'), assistant('a'), user('i'), assistant('o')] }],
  ['preference', 0.98, { prompt: 'p', chosen: 'a', rejected: 'b' }, { kind: 'preference', prompt: [user('p')], chosen: [assistant('a')], rejected: [assistant('b')] }],
  ['preference', 0.995, { prompt: 'p', chosen: [user('p'), assistant('a')], rejected: [user('p'), assistant('b')], score_chosen: 8 },
    { kind: 'preference', prompt: [user('p')], chosen: [assistant('a')], rejected: [assistant('b')] }],
  ['preference', 0.995, { chosen: [user('p'), assistant('a')], rejected: [user('p'), assistant('b')] },
    { kind: 'preference', prompt: [user('p')], chosen: [assistant('a')], rejected: [assistant('b')] }],
  ['openai-preference', 0.99, { input: { messages: [user('p')], tools: [{ type: 'function', function: { name: 'f' } }], parallel_tool_calls: true }, preferred_output: [assistant('a')], non_preferred_output: [assistant('b')] },
    { kind: 'preference', prompt: [user('p')], chosen: [assistant('a')], rejected: [assistant('b')], tools: [{ type: 'function', function: { name: 'f' } }] }],
  ['kto', 0.98, { prompt: 'p', completion: 'a', label: false }, { kind: 'labelled', desirable: false, prompt: [user('p')], completion: [assistant('a')] }],
  ['hh-rlhf', 0.99, { chosen: '\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: Because.', rejected: '\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: Go away.' },
    { kind: 'preference', prompt: [user('Hi'), assistant('Hello'), user('Why?')], chosen: [assistant('Because.')], rejected: [assistant('Go away.')] }],
  ['ultrafeedback', 0.99, { source: 'x', instruction: 'p', models: [], completions: [{ response: 'mid', overall_score: 5 }, { response: 'good', overall_score: 8.5 }, { response: 'bad', overall_score: 1 }] },
    { kind: 'preference', prompt: [user('p')], chosen: [assistant('good')], rejected: [assistant('bad')] }],
  ['ultrafeedback', 0.99, { instruction: 'p', completions: [{ response: 'a', annotations: { helpfulness: { Rating: '2' }, honesty: { Rating: 'N/A' } } }, { response: 'b', annotations: { helpfulness: { Rating: '5' } } }] },
    { kind: 'preference', prompt: [user('p')], chosen: [assistant('b')], rejected: [assistant('a')] }],
  ['preference', 0.995, { prompt: 'q', prompt_id: '1', messages: [user('q'), assistant('a')], chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')], score_chosen: 8 },
    { kind: 'preference', prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }],
  ['preference', 0.75, { system: 's', question: 'q', chosen: 'a', rejected: 'b' },
    { kind: 'preference', prompt: [{ role: 'system', content: 's' }, user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }],
  ['kto', 0.975, { prompt: 'q', completion: 'a', label: 'False' }, { kind: 'labelled', desirable: false, prompt: [user('q')], completion: [assistant('a')] }],
  ['kto', 0.975, { prompt: 'q', completion: 'a', label: 1 }, { kind: 'labelled', desirable: true, prompt: [user('q')], completion: [assistant('a')] }],
  ['completion', 0.75, { prompt: 'q', response: 'a' }, { kind: 'completion', prompt: 'q', completion: 'a' }],
  ['completion', 0.75, { question: 'q', answer: 'a' }, { kind: 'completion', prompt: 'q', completion: 'a' }],
  ['messages', 0.99, { system: 's', messages: [user('q'), { role: 'assistant', content: [{ type: 'thinking', thinking: 't' }, { type: 'text', text: 'a' }, { type: 'tool_use', id: '1', name: 'f', input: { x: 1 } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: '1', content: '7' }, { type: 'text', text: 'go on' }] }, assistant('b')], tools: [{ name: 'f', description: 'd', input_schema: { type: 'object' } }] },
    { kind: 'messages', tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }],
      messages: [{ role: 'system', content: 's' }, user('q'),
        assistant('a', { extra: { reasoning_content: 't', tool_calls: [{ type: 'function', id: '1', function: { name: 'f', arguments: { x: 1 } } }] } }),
        { role: 'tool', content: '7', extra: { tool_call_id: '1' } }, user('go on'), assistant('b')] }],
])('%s rows are recognised (%f) and read', async (format, confidence, row, expected) => {
  const { detection, shapes } = await read([row, row]);
  expect([detection.format, detection.confidence]).toEqual([format, confidence]);
  expect(shapes).toEqual([expected, expected]);
});

test('the confidence falls with rows that look otherwise, and says so', async () => {
  const { detection } = await read([...Array.from({ length: 8 }, () => ({ text: 'a' })), { prompt: 'p', completion: 'c' }, { foo: 1 }], { onBad: () => undefined });
  expect(detection).toMatchObject({ format: 'text', confidence: 0.776, others: { completion: 1, unknown: 1 }, sampled: 10 });
  expect(detection.reason).toMatch(/8 of 10 rows/);
});

const reply = (text: string, role: string, rank: number | null, ...replies: object[]) => ({ message_id: text, text, role, rank, replies });
const tree = {
  message_tree_id: 't',
  prompt: reply('q', 'prompter', null,
    reply('worse', 'assistant', 1, reply('r2', 'prompter', 0, reply('s2', 'assistant', 0))),
    reply('best', 'assistant', 0, reply('why', 'prompter', 0, reply('because', 'assistant', null)), reply('how', 'prompter', 1, reply('so', 'assistant', 0)), reply('mute', 'prompter', 2)),
    { ...reply('gone', 'assistant', 2), deleted: true }),
};

test('OpenAssistant trees become ranked threads, in which nothing is learned twice, or pairs', async () => {
  const { detection, shapes } = await read([tree]);
  expect([detection.format, detection.confidence]).toEqual(['oasst', 0.99]);
  expect(shapes).toEqual([
    { kind: 'messages', messages: [user('q'), assistant('best'), user('why'), assistant('because')] },
    { kind: 'messages', messages: [user('q'), assistant('best', { weight: 0 }), user('how'), assistant('so')] },
  ]);
  const pairs = await read([tree], { format: 'oasst-pairs' });
  expect(pairs.shapes).toEqual([{ kind: 'preference', prompt: [user('q')], chosen: [assistant('best')], rejected: [assistant('worse')] }]);
});

test('OpenAssistant messages one a row are put together again, tree by tree', async () => {
  const rows: Record<string, unknown>[] = [];
  const flatten = (id: string, node: ReturnType<typeof reply>, parent: string | null): void => {
    const { replies, ...own } = node;
    rows.push({ ...own, message_id: id + own.message_id, parent_id: parent, message_tree_id: id, lang: 'en', deleted: 'deleted' in own });
    for (const child of replies) flatten(id, child as ReturnType<typeof reply>, id + own.message_id);
  };
  flatten('1', tree.prompt, null);
  flatten('2', tree.prompt, null);
  const { detection, list } = await read(rows);
  expect([detection.format, list.length]).toEqual(['oasst', 4]);
  expect((await read([tree])).shapes).toEqual(list.slice(2).map(({ file: _f, row: _r, index: _i, ...shape }) => shape));
  expect(list.map(({ row }) => row)).toEqual([1, 1, rows.length / 2 + 1, rows.length / 2 + 1]);
  expect((await rejection(read([rows[0], rows[6]]))).message).toMatch(/before its replies.*Sort the rows by tree/);
});

test('a mapping reads anything else: dotted fields, names of speakers', async () => {
  const rows = [{ meta: { talk: [{ who: 'Kunde', says: 'q' }, { who: 'Berater', says: 'a' }] }, imp: 2 }];
  const { shapes, detection } = await read(rows, {
    format: 'messages', fields: { messages: 'meta.talk', role: 'who', content: 'says', weight: 'imp' }, roles: { Kunde: 'user', Berater: 'assistant' },
  });
  expect(shapes).toEqual([{ kind: 'messages', weight: 2, messages: [user('q'), assistant('a')] }]);
  expect(detection.reason).toBe('it was given');
  expect((await rejection(read(rows, { fields: { messages: 'meta.talk', role: 'who', content: 'says' } }))).message).toMatch(/came "Kunde".*data\.roles/);
});

test('pairs and verdicts can give their good answers alone, and a set has a weight', async () => {
  const options = { pairs: 'chosen', weight: 3 } as const;
  const { shapes } = await read([{ prompt: 'p', chosen: 'a', rejected: 'b', weight: 0.5 }], options);
  expect(shapes).toEqual([{ kind: 'messages', weight: 1.5, messages: [{ ...user('p'), weight: 0 }, assistant('a')] }]);
  const verdicts = await read([{ prompt: 'p', completion: 'a', label: true }, { prompt: 'p', completion: 'b', label: false }], options);
  expect(verdicts.shapes).toEqual([{ kind: 'messages', weight: 3, messages: [{ ...user('p'), weight: 0 }, assistant('a')] }]);
});

test('weights, flags, offsets in characters and parts become weights and spans', async () => {
  const { shapes } = await read([{ messages: [
    user('q'),
    assistant('abcdef', { weight: 2, train: true, train_detail: [{ begin_offset: 0, end_offset: 1, train: false }, { begin_offset: 4, end_offset: 4, train: true, weight: 0.5 }] }),
    { role: 'assistant', content: [{ type: 'text', text: 'one ', train: false }, { type: 'text', text: 'two' }, { type: 'text', text: '!', weight: 3 }], loss_scale: 0.5 },
    assistant('😀b😀d', { train_detail: [{ begin_offset: 1, end_offset: 2, train: false }] }),
  ] }]);
  expect((shapes[0] as unknown as { messages: unknown[] }).messages.slice(1)).toEqual([
    assistant('abcdef', { weight: 2, spans: [{ begin: 0, end: 2, weight: 0 }, { begin: 4, end: 5, weight: 0.5 }] }),
    assistant('one two!', { weight: 0.5, spans: [{ begin: 0, end: 4, weight: 0 }, { begin: 7, end: 8, weight: 3 }] }),
    assistant('😀b😀d', { spans: [{ begin: 2, end: 5, weight: 0 }] }),
  ]);
  const wrong = [{ messages: [user('q'), assistant('abc', { train_detail: [{ begin_offset: 1, end_offset: 3, train: false }] })] }];
  expect((await rejection(read(wrong))).message).toMatch(/train_detail\[0\].*within the content/);
});

test('arguments of tools stay the JSON that they are: order of keys, large numbers, 1.0', async () => {
  const args = '{"2": 1, "b": 12345678901234567890, "1": 1.0, "a": 0.1}';
  const marked = { [`${EXACT_KEY}2`]: 1, b: `${EXACT_OPEN}12345678901234567890${EXACT_CLOSE}`, [`${EXACT_KEY}1`]: `${EXACT_OPEN}1.0${EXACT_CLOSE}`, a: 0.1 };
  const row = (text: string) => `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null, "weight": 1.0, "tool_calls": [{"function": {"name": "f", "arguments": ${text}}}]}]}`;
  for (const text of [args, JSON.stringify(args)]) {
    const { shapes } = await read(row(text));
    const calls = (shapes[0] as unknown as { messages: { weight?: number; extra?: { tool_calls: { function: { arguments: unknown } }[] } }[] }).messages[1];
    expect(calls?.weight).toBe(1);
    const own = calls?.extra?.tool_calls[0]?.function.arguments;
    expect(own).toEqual(marked);
    expect(Object.keys(own as object)).toEqual(Object.keys(marked));
  }
});

test.each([
  ['1', '1'], ['-0', '0'], ['12345678901234567890123', '12345678901234567890123'], ['1.0', '1.0'], ['-2.50', '-2.5'], ['1e3', '1000.0'], ['1E16', '1e+16'],
  ['123456789.125', '123456789.125'], ['1e-4', '0.0001'], ['1.5e-7', '1.5e-07'], ['0.0', '0.0'], ['-0.0', '-0.0'], ['1e22', '1e+22'], ['1.7976931348623157e308', '1.7976931348623157e+308'],
])('the number %s is written as Python writes it: %s', (token, text) => {
  expect(pythonNumber(token)).toBe(text);
});

test('exact JSON changes nothing else', () => {
  const text = '{"a": "1.0 \\"2\\": 3", "b": [1, 2.5, null, true], "c": {"x": "\\u0031"}}';
  expect(parseExact(text)).toEqual(JSON.parse(text));
});
