// Records become sequences: shifted labels, weights, end tokens, boundaries, long rows, and what is refused.
import * as fc from 'fast-check';
import type { Sequence } from '../../../lib/batch.js';
import type { DataRecord } from '../../../lib/record.js';
import { ChatTemplate } from '../../../lib/text/chat-template.js';
import { RecordEncoder, type EncodeOptions } from '../../../lib/text/encode.js';
import { TextTokenizer } from '../../../lib/text/tokenizer.js';
import { tokenWeights } from '../../../lib/text/token-weights.js';
import { chatMessages, fixtureTemplate, golden, goldenTokenizer } from './fixture.js';

const origin = { file: 'rows.jsonl', row: 3, index: 2 };
const tokenizer = goldenTokenizer('byte-level');
const encoder = (options: EncodeOptions = {}, template?: string, name = 'byte-level') =>
  new RecordEncoder(goldenTokenizer(name), template === undefined ? undefined : fixtureTemplate(template), options);

/** The text of what is learned, label by label. */
function learned(sequence: Sequence | undefined, name = 'byte-level'): string {
  const labels = [...(sequence?.labels ?? [])].filter((label) => label !== -1);
  return goldenTokenizer(name).decode(labels, { skipSpecial: false, continues: true });
}

const completion = (prompt: string, answer: string, weight?: number): DataRecord => ({
  ...origin,
  kind: 'completion',
  prompt,
  completion: answer,
  ...(weight === undefined ? {} : { weight }),
});
const text = (value: string): DataRecord => ({ ...origin, kind: 'text', text: value });
const messages = (list: Record<string, unknown>[], weight?: number): DataRecord => ({
  ...origin,
  kind: 'messages',
  messages: chatMessages(list),
  ...(weight === undefined ? {} : { weight }),
});
const pair = (answer: string) =>
  messages([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: answer },
  ]);

test('text: every token but the first is scored, special tokens as the tokenizer adds them', () => {
  const { sequence, outcome } = encoder().encode(text('The quick brown fox'));
  const ids = [...tokenizer.encode('The quick brown fox', { special: true })];
  expect(outcome).toBe('kept');
  expect(ids[0]).toBe(tokenizer.bosId);
  expect([...(sequence?.tokens ?? [])]).toEqual(ids);
  expect([...(sequence?.labels ?? [])]).toEqual([...ids.slice(1), -1]);
  expect([sequence?.weights, sequence?.row]).toEqual([undefined, 2]);
});

test('completion: prompt, completion and eos; completion and eos are learned', () => {
  for (const name of Object.keys(golden.tokenizers)) {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('the', 'fox', 'e', '日', '😀', '?', '\n', 'A') }),
        fc.string({ unit: fc.constantFrom(' the', 'e', '日', '😀', ' A', '.') }),
        (prompt, answer) => {
          const { sequence } = encoder({}, undefined, name).encode(completion(prompt, answer));
          const own = goldenTokenizer(name);
          expect([...(sequence?.tokens ?? [])]).toEqual([...own.encode(prompt + answer, { special: true }), own.eosId]);
          expect(sequence?.labels.at(-2)).toBe(own.eosId);
          expect(sequence?.labels.at(-1)).toBe(-1);
        },
      ),
      { numRuns: 40 },
    );
  }
  const { sequence, straddles } = encoder().encode(completion('What is two and two?', ' It is four.'));
  expect([learned(sequence), straddles]).toEqual([' It is four.</s>', false]);
});

test('a token across the boundary follows the majority, and the row is counted', () => {
  const { sequence, straddles } = encoder().encode(completion('Answers ar', 'e short.'));
  expect(straddles).toBe(true);
  expect(learned(sequence)).toBe(' short.</s>');
  const other = encoder().encode(completion('The quick brown ', 'fox'));
  expect([learned(other.sequence), other.straddles]).toEqual([' fox</s>', true]);
});

test('an eos that the text or the tokenizer already brings is not doubled', () => {
  const { sequence } = encoder().encode(completion('a', 'b</s>'));
  expect([...(sequence?.tokens ?? [])].filter((id) => id === tokenizer.eosId).length).toBe(1);
});

test('alpaca rows use the original prompt without a template, and a conversation with one', () => {
  const row: DataRecord = { ...origin, kind: 'alpaca', instruction: 'Add.', input: '2 2', output: 'Four' };
  const plain = encoder().encode(row).sequence;
  expect(tokenizer.decode(plain?.tokens ?? [])).toMatch(
    /^Below is an instruction .* context\. Write .*\n\n### Instruction:\nAdd\.\n\n### Input:\n2 2\n\n### Response:Four$/s,
  );
  expect(learned(plain)).toBe('Four</s>');
  const short = encoder().encode({ ...row, input: '' }).sequence;
  expect(tokenizer.decode(short?.tokens ?? [])).toMatch(/request\.\n\n### Instruction:\nAdd\.\n\n### Response:Four$/);
  const chat = encoder({}, 'chatml').encode(row).sequence;
  expect(tokenizer.decode(chat?.tokens ?? [], { skipSpecial: false })).toBe(
    '<|im_start|>user\nAdd.\n\n2 2<|im_end|>\n<|im_start|>assistant\nFour<|im_end|>\n',
  );
  expect(learned(chat)).toBe('Four<|im_end|>');
  expect(learned(encoder({ useTemplate: 'never' }, 'chatml').encode(row).sequence)).toBe('Four</s>');
  expect(learned(encoder({ useTemplate: 'always' }, 'chatml').encode(completion('p', 'c')).sequence)).toBe(
    'c<|im_end|>',
  );
});

test('every template style learns the answer and its end, by every kind of tokenizer', () => {
  for (const name of ['byte-level', 'pieces', 'first-space']) {
    for (const [template, end] of [
      ['chatml', '<|im_end|>'],
      ['llama3', '<|eot_id|>'],
      ['mistral', '</s>'],
      ['phi3', '</s>'],
      ['gemma', '<end_of_turn>'],
      ['header-marked', '<|eot_id|>'],
    ] as const) {
      const found = learned(encoder({}, template, name).encode(pair('It is four.')).sequence, name);
      expect([
        template,
        name,
        found
          .trimStart()
          .replace(/<\|end\|>\s*/, '')
          .replace(/ (?=<)/, ''),
      ]).toEqual([template, name, `It is four.${end}`]);
    }
  }
});

test('weights of rows and messages multiply; equal weights of one are left out', () => {
  const row = messages(
    [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b', weight: 0.5 },
      { role: 'user', content: 'c' },
      { role: 'assistant', content: 'd' },
    ],
    3,
  );
  const { sequence } = encoder({}, 'chatml').encode(row);
  const weights = [...(sequence?.labels ?? [])].flatMap((label, t) => (label === -1 ? [] : [sequence?.weights?.[t]]));
  expect(weights).toEqual([1.5, 1.5, 3, 3]);
  expect(encoder().encode(completion('a', 'b', 1)).sequence?.weights).toBeUndefined();
  expect(encoder().encode(completion('a', 'b', 2)).sequence?.weights).toBeDefined();
  expect(encoder().encode(completion('a', 'b', 0))).toEqual({ outcome: 'weightless', straddles: false });
});

test('long rows are refused, cut or left out', () => {
  const row = completion('What is two and two?', ' It is four, of course; 2 + 2 = 4.');
  const whole = encoder().encode(row).sequence as Sequence;
  const limit = whole.tokens.length - 3;
  expect(() => encoder({ maxLength: limit }).encode(row)).toThrow(
    new RegExp(`row 3: expected at most ${limit} tokens, came ${whole.tokens.length}`),
  );
  const cut = encoder({ maxLength: limit, tooLong: 'truncate' }).encode(row);
  expect(cut.outcome).toBe('truncated');
  expect([...(cut.sequence?.tokens ?? [])]).toEqual([...whole.tokens.subarray(0, limit)]);
  expect([...(cut.sequence?.labels ?? [])]).toEqual([...whole.labels.subarray(0, limit - 1), -1]);
  expect(encoder({ maxLength: limit, tooLong: 'drop' }).encode(row).outcome).toBe('too-long');
  // Cut inside the prompt: nothing would be learned.
  expect(encoder({ maxLength: 3, tooLong: 'truncate' }).encode(row).outcome).toBe('too-long');
  expect(encoder({ maxLength: whole.tokens.length }).encode(row).outcome).toBe('kept');
});

test.each<[string, () => unknown, RegExp]>([
  [
    'messages without a template',
    () => encoder().encode(pair('x')),
    /row 3: expected a chat template.*a model without one/,
  ],
  [
    'an answer without an end token',
    () => endless().encode(pair('x')),
    /row 3: expected the last answer to end with a token that stops generation/,
  ],
  [
    'text of one token',
    () => encoder().encode(text('')),
    /row 3, field "text": expected text of at least two tokens, came 1/,
  ],
  [
    'no answer',
    () => encoder({}, 'chatml').encode(messages([{ role: 'user', content: 'x' }])),
    /row 3, field "messages": expected an assistant message/,
  ],
  [
    'an id that the model lacks',
    () => new RecordEncoder(tokenizer, undefined, { vocabulary: tokenizer.size - 1 }).encode(text('a</tool_call>')),
    /row 3: expected token ids below \d+, .*<\/tool_call>.*golden\/byte-level\/tokenizer\.json/,
  ],
])('%s is refused, naming the row', (_, run, message) => {
  let error: unknown;
  try {
    run();
  } catch (thrown) {
    error = thrown;
  }
  expect((error as { code?: string }).code).toBe('ERR_DATA');
  expect((error as { details?: unknown }).details).toMatchObject({ file: 'rows.jsonl', row: 3 });
  expect((error as Error).message).toMatch(message);
});

/** A template whose turns never end with a token. */
function endless(): RecordEncoder {
  const text =
    '{% for m in messages %}{{ m.role + ": " + m.content + "\n" }}{% endfor %}{% if add_generation_prompt ' +
      '%}assistant: {% endif %}';
  return new RecordEncoder(tokenizer, new ChatTemplate({ file: 'endless.jinja', text }, {}), {});
}

test('a tokenizer without an end token is refused for completions', () => {
  const bare = new TextTokenizer({
    file: 'bare/tokenizer.json',
    tokenizerJson: JSON.stringify(golden.tokenizers['byte-level']),
    configJson: '{}',
    generationJson: '{}',
  });
  expect(() => new RecordEncoder(bare, undefined).encode(completion('a', 'b'))).toThrow(
    /bare\/tokenizer\.json, field "eos_token": expected an end token/,
  );
});

test('where offsets cannot be known, pieces must give the ids of the whole, else the row is refused', () => {
  const lower = new TextTokenizer({
    file: 'lower/tokenizer.json',
    configJson: '{"eos_token": "</s>"}',
    generationJson: '{}',
    tokenizerJson: JSON.stringify({
      ...(golden.tokenizers['byte-level'] as object),
      normalizer: { type: 'Lowercase' },
    }),
  });
  expect(lower.encodeWithSpans('HELLO').begin).toBeUndefined();
  const spans = [{ begin: 3, end: 9, weight: 1 }];
  const { ids, weights } = tokenWeights(lower, { text: 'THE QUICK', spans, promptEnd: 3 }, false, { row: 1 });
  expect(lower.decode(ids.filter((_, i) => weights[i] === 1))).toBe(' quick');
  // "ANS|WERS" is one token in the whole: the pieces differ.
  expect(() =>
    tokenWeights(lower, { text: 'THE ANSWERS', spans: [{ begin: 6, end: 11, weight: 1 }] }, false, { row: 1 }),
  ).toThrow(/row 1: expected to know which characters/);
});
