// What is learned of a conversation, for every style of template, and the rows that are refused.
import path from 'node:path';
import type { ChatMessage } from '../../../lib/record.js';
import { ChatTemplate, loadChatTemplate, specialTexts } from '../../../lib/text/chat-template.js';
import { RecordEncoder } from '../../../lib/text/encode.js';
import { explainText } from '../../../lib/text/explain.js';
import { maskConversation, type TrainOn } from '../../../lib/text/mask.js';
import { TextTokenizer } from '../../../lib/text/tokenizer.js';
import { chatMessages, fixtureTemplate, golden, goldenTokenizer } from './fixture.js';

const tokenizer = goldenTokenizer('byte-level');
const ends = { stops: ['</s>'], added: tokenizer.addedTokens };
const place = { file: 'rows.jsonl', row: 7 };

function learned(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  trainOn: TrainOn = 'completions',
  tools?: readonly unknown[],
): string[] {
  const { text, spans } = maskConversation(
    template,
    { messages, place, ...(tools === undefined ? {} : { tools }) },
    ends,
    { trainOn },
  );
  spans.forEach(({ begin, end }, i) => expect(end > begin && begin >= (spans[i - 1]?.end ?? 0)).toBe(true));
  return spans.map(({ begin, end }) => text.slice(begin, end));
}

const chat = (name: string, template = 'chatml') =>
  chatMessages(golden.chats.find((item) => item.chat === name && item.template === template)?.messages ?? []);
const three = chat('three turns');

test.each([
  ['chatml', ['Hello. <|im_end|>', '\nLine one.\n\nLine two.<|im_end|>', "See you, I'm sure<|im_end|>"]],
  ['chatml-marked', ['Hello. <|im_end|>', '\nLine one.\n\nLine two.<|im_end|>', "See you, I'm sure<|im_end|>"]],
  ['header-marked', ['Hello.<|eot_id|>', 'Line one.\n\nLine two.<|eot_id|>', "See you, I'm sure<|eot_id|>"]],
  ['llama3', ['Hello.<|eot_id|>', 'Line one.\n\nLine two.<|eot_id|>', "See you, I'm sure<|eot_id|>"]],
  ['mistral', [' Hello. </s>', ' \nLine one.\n\nLine two.</s>', " See you, I'm sure</s>"]],
  ['llama2', [' Hello. </s>', ' Line one.\n\nLine two. </s>', " See you, I'm sure </s>"]],
  ['phi3', ['Hello. <|end|>', '\nLine one.\n\nLine two.<|end|>', "See you, I'm sure<|end|>\n</s>"]],
  ['gemma', ['Hello.<end_of_turn>', 'Line one.\n\nLine two.<end_of_turn>', "See you, I'm sure<end_of_turn>"]],
  [
    'qwen3',
    ['Hello. <|im_end|>', '\nLine one.\n\nLine two.<|im_end|>', "<think>\n\n</think>\n\nSee you, I'm sure<|im_end|>"],
  ],
])('%s: the answers with their end tokens, and nothing else', (name, expected) => {
  expect(learned(fixtureTemplate(name), three)).toEqual(expected);
  expect(learned(fixtureTemplate(name), three, 'last')).toEqual(expected.slice(-1));
});

test('what is learned starts exactly where generation starts', () => {
  for (const name of ['chatml', 'llama3', 'mistral', 'llama2', 'phi3', 'gemma', 'qwen3']) {
    const template = fixtureTemplate(name);
    const { text, spans } = maskConversation(template, { messages: three, place }, ends);
    const prompt = template.render(
      three.slice(0, -1).map(({ role, content }) => ({ role, content })),
      { addGenerationPrompt: true },
    );
    expect(text.slice(0, spans.at(-1)?.begin)).toBe(prompt);
  }
});

test('thoughts are learned in the last turn, and gone from history as the template has it', () => {
  expect(learned(fixtureTemplate('qwen3'), chat('think', 'qwen3'))).toEqual([
    'It is 4.<|im_end|>',
    '<think>\nthree and three\n</think>\n\nIt is 6.<|im_end|>',
  ]);
  const reasoning = chatMessages([
    { role: 'user', content: '1?' },
    { role: 'assistant', content: 'one', reasoning_content: 'uno' },
  ]);
  expect(learned(fixtureTemplate('qwen3'), reasoning)).toEqual(['<think>\nuno\n</think>\n\none<|im_end|>']);
});

test('with a variable that fills the thought in, only the answer is learned', () => {
  expect(learned(fixtureTemplate('qwen3', { variables: { enable_thinking: false } }), three)).toEqual([
    'Hello. <|im_end|>',
    'Line one.\n\nLine two.<|im_end|>',
    "See you, I'm sure<|im_end|>",
  ]);
});

test('tool calls are learned, tool answers are not', () => {
  const { messages, variables } = golden.chats.find(
    (item) => item.chat === 'tools' && item.template === 'qwen3',
  ) as (typeof golden.chats)[number];
  expect(
    learned(fixtureTemplate('qwen3'), chatMessages(messages), 'completions', variables.tools as unknown[]),
  ).toEqual([
    expect.stringMatching(/^<tool_call>\n\{"name": "weather", "arguments": \{.*\}\}\n<\/tool_call><\|im_end\|>$/),
    '<think>\n\n</think>\n\nIt rains.<|im_end|>',
  ]);
  expect(learned(fixtureTemplate('llama3'), chatMessages(messages))).toEqual([
    expect.stringMatching(/^\{"name": "weather", "parameters": .*\}<\|eot_id\|>$/),
    'It rains.<|eot_id|>',
  ]);
});

test('roles, all, and weights of messages choose what counts', () => {
  const template = fixtureTemplate('chatml');
  const messages = chatMessages([
    { role: 'system', content: 'S' },
    { role: 'user', content: 'U' },
    { role: 'assistant', content: 'A', weight: 0 },
    { role: 'user', content: 'V' },
    { role: 'assistant', content: 'B', weight: 0.5 },
  ]);
  expect(learned(template, messages)).toEqual(['B<|im_end|>']);
  expect(learned(template, messages, ['user', 'assistant'])).toEqual(['U<|im_end|>', 'V<|im_end|>', 'B<|im_end|>']);
  const { text, spans } = maskConversation(template, { messages, place }, ends, { trainOn: 'all' });
  expect(spans.map(({ begin, end, weight }) => [text.slice(begin, end), weight])).toEqual([
    ['<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n', 1],
    ['\n<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n', 1],
    ['B<|im_end|>', 0.5],
    ['\n', 1],
  ]);
  expect(learned(fixtureTemplate('chatml-marked'), messages)).toEqual(['B<|im_end|>']);
});

test('contents that look like markup or hold private characters are found where they stand', () => {
  const wild = ['<|im_end|>\n<|im_start|>assistant\n', '\ue000\ue001', '  ', '', 'Hello. ', '\n'];
  const messages = chatMessages(
    wild.flatMap((content) => [
      { role: 'user', content: 'Hello. <|im_end|>' },
      { role: 'assistant', content },
    ]),
  );
  expect(learned(fixtureTemplate('chatml'), messages)).toEqual(wild.map((content) => `${content}<|im_end|>`));
  expect(learned(fixtureTemplate('chatml-marked'), messages)).toEqual(wild.map((content) => `${content}<|im_end|>`));
});

test('a template that looks into contents is followed by rendering up to the turn', () => {
  const template = new ChatTemplate(
    {
      file: 'peeks.jinja',
      text:
        '{% for m in messages %}{% if m.role == "assistant" %}<a>{{ "!" if m.content.startswith("x") else "?" }}' +
        '{{ m.content }}</s>{% else %}<u>{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt ' +
        '%}<a>{% endif %}',
    },
    specialTexts(tokenizer),
  );
  const messages = chatMessages([
    { role: 'user', content: 'u' },
    { role: 'assistant', content: 'xy' },
    { role: 'user', content: 'v' },
    { role: 'assistant', content: 'yx' },
  ]);
  expect(learned(template, messages)).toEqual(['!xy</s>', '?yx</s>']);
});

const refusal = (run: () => unknown): Error & { code?: string; details?: Record<string, unknown> } => {
  try {
    run();
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error('expected an error, came none');
};

test.each<[string, string, Record<string, unknown>[], TrainOn, RegExp]>([
  [
    'no answer',
    'chatml',
    [{ role: 'user', content: 'x' }],
    'completions',
    /expected an assistant message to learn, came user/,
  ],
  [
    'only answers of weight 0',
    'chatml',
    [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'y', weight: 0 },
    ],
    'completions',
    /assistant \(weight 0\)/,
  ],
  [
    'no message of the role',
    'chatml',
    [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'y' },
    ],
    ['tool'],
    /a message by tool/,
  ],
  [
    'roles that the template refuses',
    'gemma',
    [
      { role: 'assistant', content: 'x' },
      { role: 'user', content: 'y' },
    ],
    'completions',
    /refused: Conversation roles must alternate/,
  ],
  [
    'a prompt that generation renders otherwise',
    'thinks-first',
    [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: '<think>a</think>b' },
    ],
    'completions',
    /render the same for training and for generation.*message 2 differs.*<think>/s,
  ],
])('%s is refused, naming the row', (_, name, messages, trainOn, message) => {
  const error = refusal(() => learned(fixtureTemplate(name), chatMessages(messages), trainOn));
  expect(error.code).toBe('ERR_DATA');
  expect(error.details).toMatchObject(place);
  expect(error.message).toMatch(message);
  expect(error.message).toMatch(/rows\.jsonl, row 7/);
});

test('the embedded model: answers and their end token, where generation starts', async () => {
  const own = await TextTokenizer.load(path.join(__dirname, '../../../models/pebble'));
  const template = await loadChatTemplate(own);
  if (template === undefined) throw new Error('models/pebble has no chat template');
  const { sequence } = new RecordEncoder(own, template, { vocabulary: own.size }).encode({
    file: 'x',
    row: 1,
    index: 0,
    kind: 'messages',
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'Bye' },
      { role: 'assistant', content: 'So long.' },
    ],
  });
  const learnt = explainText(own, sequence as NonNullable<typeof sequence>)
    .filter(([, weight]) => weight === 1)
    .map(([part]) => part);
  expect(learnt).toEqual([expect.stringMatching(/^Hello\.<\|?.+>$/), expect.stringMatching(/^So long\.<\|?.+>$/)]);
});

test('loop controls, broken templates and named templates that are missing are refused', () => {
  const make = (text: string) => () => new ChatTemplate({ file: 't.jinja', text }, {});
  expect(make('{% for m in messages %}{{ m }}{% if m.x %}{% continue %}{% endif %}{% endfor %}')).toThrow(
    /t\.jinja: expected a template without \{% continue %\}/,
  );
  expect(make('{% for m in messages %}{% break %}{% endfor %}')).toThrow(/\{% break %\}/);
  expect(make('{% for m in messages %}')).toThrow(/cannot be parsed/);
  expect(make('a\n{% include "x" %}')).toThrow(/statement type: include \(line 2: \{% include "x" %\}\)/);
  const unknown = make('a\n{{ messages[0].content | shout }}')();
  expect(() => learned(unknown, three)).toThrow(
    /row 7: .*filter: shout \(line 2: \{\{ messages\[0\]\.content \| shout \}\}\)/,
  );
  // Words in text and strings are no statements.
  expect(make('{# break #}{{ "{% continue %}" }} break')().render([])).toBe('{% continue %} break');
});

test('templates with Windows line ends render as with \\n', () => {
  const text = '{% for m in messages %}\n{{ m.content }}\n{% endfor %}\nend';
  const render = (source: string) =>
    new ChatTemplate({ file: 'x', text: source }, {}).render([{ role: 'user', content: 'a' }]);
  expect(render(text.replace(/\n/g, '\r\n'))).toBe(render(text));
  expect(render(text)).toBe('a\nend');
});

test('strftime_now tells one moment in English, and unknown directives are refused', () => {
  const now = new Date(2024, 6, 5, 9, 3, 7);
  const render = (format: string) =>
    new ChatTemplate({ file: 'x', text: `{{ strftime_now("${format}") }}` }, {}, { now }).render([]);
  expect(render('%d %b %Y, %B %A %H:%M:%S %-d %%')).toBe('05 Jul 2024, July Friday 09:03:07 5 %');
  expect(() => render('%Q')).toThrow(/not supported/);
});
