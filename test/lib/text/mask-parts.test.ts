// Parts of messages that count differently, thoughts, end tokens, tokens on a border, and numbers that stay as they are.
import type { ChatMessage } from '../../../lib/record.js';
import { parseExact } from '../../../lib/data/exact.js';
import { RecordEncoder, type EncodeOptions } from '../../../lib/text/encode.js';
import { explainText } from '../../../lib/text/explain.js';
import { maskConversation, type MaskOptions } from '../../../lib/text/mask.js';
import { fixtureTemplate, goldenTokenizer } from './fixture.js';

const tokenizer = goldenTokenizer('byte-level');
const ends = { stops: ['</s>'], added: tokenizer.addedTokens };
const place = { file: 'rows.jsonl', row: 7 };

function learned(name: string, messages: readonly ChatMessage[], options: MaskOptions = {}) {
  const { text, spans } = maskConversation(fixtureTemplate(name), { messages, place }, ends, options);
  spans.forEach(({ begin, end }, i) => expect(end > begin && begin >= (spans[i - 1]?.end ?? 0)).toBe(true));
  return spans.map(({ begin, end, weight }) => [text.slice(begin, end), weight]);
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
const parted: ChatMessage = { role: 'assistant', content: '  One two three.', weight: 2, spans: [{ begin: 0, end: 5, weight: 0 }, { begin: 10, end: 15, weight: 0.25 }] };

test.each(['chatml', 'chatml-marked', 'header-marked', 'llama3', 'mistral', 'phi3', 'gemma', 'qwen3'])('%s: spans of a content count as they say, through trimming too', (name) => {
  const parts = learned(name, [user('q'), parted]);
  const at = parts.findIndex(([text]) => text === ' two ');
  expect(parts.slice(at, at + 2)).toEqual([[' two ', 2], ['three', 0.5]]);
  expect(parts.some(([text]) => (text as string).includes('One'))).toBe(false);
  expect(parts.slice(at + 2).map(([text]) => text).join('')).toMatch(/^\.(<|\s*<)/);
});

test('spans of the whole conversation, of other roles, and none of the answer', () => {
  const asked: ChatMessage = { ...user('ask me'), spans: [{ begin: 0, end: 4, weight: 0 }] };
  expect(learned('chatml', [asked, { role: 'assistant', content: 'A' }], { trainOn: ['user'] })).toEqual([['me<|im_end|>', 1]]);
  expect(learned('chatml', [asked, { role: 'assistant', content: 'A' }], { trainOn: 'all' })).toEqual([
    ['<|im_start|>user\n', 1], ['me<|im_end|>', 1], ['\n<|im_start|>assistant\nA<|im_end|>\n', 1],
  ]);
  const nothing: ChatMessage = { role: 'assistant', content: 'A', spans: [{ begin: 0, end: 1, weight: 0 }] };
  expect(learned('chatml', [user('q'), nothing])).toEqual([['<|im_end|>', 1]]);
  expect(() => learned('chatml', [user('q'), nothing], { endOfTurn: 'never' })).toThrow(/rows\.jsonl, row 7.*Nothing of this row would be learned/);
});

const thinking: ChatMessage = { role: 'assistant', content: 'Four.', extra: { reasoning_content: 'Two and two' } };
const inline: ChatMessage = { role: 'assistant', content: '<think>\nTwo and two\n</think>\n\nFour.' };

test('thoughts are learned or context, wherever they are written', () => {
  expect(learned('qwen3', [user('q'), thinking])).toEqual([['<think>\nTwo and two\n</think>\n\nFour.<|im_end|>', 1]]);
  expect(learned('qwen3', [user('q'), thinking], { reasoning: 'context' })).toEqual([['Four.<|im_end|>', 1]]);
  expect(learned('qwen3', [user('q'), inline], { reasoning: 'context' })).toEqual([['Four.<|im_end|>', 1]]);
  expect(learned('chatml', [user('q'), inline], { reasoning: 'context' })).toEqual([['Four.<|im_end|>', 1]]);
  expect(learned('chatml', [user('q'), { role: 'assistant', content: 'Four.' }], { reasoning: 'context' })).toEqual([['Four.<|im_end|>', 1]]);
});

test('end tokens are learned of every learned turn, the last, all, or none', () => {
  const messages = [user('q'), { role: 'assistant', content: 'A' }, user('r'), { role: 'assistant', content: 'B' }] as const;
  expect(learned('chatml', messages)).toEqual([['A<|im_end|>', 1], ['B<|im_end|>', 1]]);
  expect(learned('chatml', messages, { endOfTurn: 'last' })).toEqual([['A', 1], ['B<|im_end|>', 1]]);
  expect(learned('chatml', messages, { endOfTurn: 'never' })).toEqual([['A', 1], ['B', 1]]);
  expect(learned('chatml', messages, { endOfTurn: 'all' })).toEqual([['<|im_end|>', 1], ['A<|im_end|>', 1], ['<|im_end|>', 1], ['B<|im_end|>', 1]]);
});

function encode(content: string, spans: ChatMessage['spans'], options: EncodeOptions = {}) {
  const encoder = new RecordEncoder(tokenizer, fixtureTemplate('chatml'), options);
  const message: ChatMessage = { role: 'assistant', content, ...(spans === undefined ? {} : { spans }) };
  return encoder.encode({ kind: 'messages', messages: [user('q'), message], ...place, index: 0 });
}

test('a token on the border follows the majority, or is an error that names the row, as configured', () => {
  const whole = encode('the answer', undefined);
  expect(whole.straddles).toBe(false);
  const cut = encode('the answer', [{ begin: 0, end: 5, weight: 0 }]);
  expect(cut.straddles).toBe(true);
  expect(explainText(tokenizer, cut.sequence!).map(([text, weight]) => [text, weight]).slice(1)).toEqual([[' answer<|im_end|>', 1], ['\n', 0]]);
  const late = encode('the answer', [{ begin: 0, end: 8, weight: 0 }]);
  expect(explainText(tokenizer, late.sequence!).slice(1)).toEqual([['<|im_end|>', 1], ['\n', 0]]);
  expect(() => encode('the answer', [{ begin: 0, end: 5, weight: 0 }], { straddling: 'error' }))
    .toThrow(/rows\.jsonl, row 7.*" answer" at character \d+, which is both.*data\.straddling/);
  expect(encode('the answer', [{ begin: 0, end: 3, weight: 0.5 }], { straddling: 'error' }).straddles).toBe(false);
});

test('weights of row, message and span multiply and reach the labels', () => {
  const encoder = new RecordEncoder(tokenizer, fixtureTemplate('chatml'));
  const { sequence } = encoder.encode({
    kind: 'messages', ...place, index: 0, weight: 3,
    messages: [user('q'), { role: 'assistant', content: 'the answer', weight: 0.5, spans: [{ begin: 0, end: 3, weight: 4 }] }],
  });
  expect(explainText(tokenizer, sequence!).slice(1)).toEqual([['the', 6], [' answer<|im_end|>', 1.5], ['\n', 0]]);
});

test('numbers and keys of a call are rendered as they stand in the file', () => {
  const args = '{"2": 1, "b": 12345678901234567890, "1": [1.0, "x\\"1.0"], "a": 0.1}';
  const call = { type: 'function', function: { name: 'f', arguments: parseExact(args) } };
  const messages: ChatMessage[] = [user('q'), { role: 'assistant', content: null, extra: { tool_calls: [call] } }];
  expect(learned('qwen3', messages)).toEqual([
    [`<think>\n\n</think>\n\n<tool_call>\n{"name": "f", "arguments": ${args}}\n</tool_call><|im_end|>`, 1],
  ]);
});
