// The chat profile: each check sees what it should and leaves its look-alikes alone.
import { checkChat, rowScore } from '../../../lib/curate/chat.js';
import type { Turn } from '../../../lib/curate/turns.js';

const row = (question: string, answer: string): readonly Turn[] =>
  [{ role: 'user', text: question, calls: false }, { role: 'assistant', text: answer, calls: false }];
const checks = (question: string, answer: string): readonly string[] => checkChat(row(question, answer)).map(({ check }) => check);

const LONG = 'The cell takes sugar from the blood and turns it into energy that the body can use. It stores what is left for the next day';

test.each([
  ['empty_answer', 'What is it?', '  \n'],
  ['empty_answer', 'What is it?', 'N/A'],
  ['empty_answer', 'What is it?', '<noinput>'],
  ['refusal', 'Tell me how.', "I'm sorry, but I can't help with that."],
  ['refusal', 'Tell me how.', 'I cannot assist with this request.'],
  ['refusal', 'Tell me how.', 'Sorry, I’m not able to provide medical advice.'],
  ['refusal', 'Tell me how.', 'Unfortunately, as an AI language model, I cannot generate that.'],
  ['answer_is_question', 'Where is the library?', 'where is the Library'],
  ['truncated_answer', 'How do cells work?', `${LONG} and then it`],
  ['truncated_answer', 'How do cells work?', `${LONG},`],
  ['broken_json', 'Answer in JSON.', '{"a": 1, "b": }'],
  ['broken_json', 'Give a list', 'Here:\n```json\n[1, 2,]\n```'],
  ['broken_markdown', 'Show code', 'Here it is:\n```python\nprint(1)\n'],
  ['broken_markdown', 'Show a table', '| a | b |\n|---|---|---|\n| 1 | 2 |'],
  ['template_tokens', 'Hi', 'Hello!<|im_end|>'],
  ['template_tokens', 'Hi', '[INST] Hello [/INST]'],
  ['template_tokens', '### Instruction:\nHi', 'Hello!'],
  ['boilerplate', 'Who won?', 'As an AI language model, I have no favourites. The reds won.'],
  ['boilerplate', 'Who won?', 'The reds won. I hope this helps!'],
  ['wrong_language', 'What are the rights of all human beings in the world?', 'Alle Menschen sind frei und gleich an Würde und Rechten geboren und haben Vernunft.'],
])('%s: %s → %s', (check, question, answer) => {
  expect(checks(question, answer)).toContain(check);
});

test.each([
  ['Can you help?', 'I can help you with this: press the button and wait for the light.'],
  ['Why not?', "You can't do that in Java, because strings do not change. Make a new one instead."],
  ['I am sorry?', 'Sorry is a word that people say when they regret something.'],
  ['How do cells work?', `${LONG}.`],
  ['List three', `Here are three things that you asked for, in the order of their weight. They are:\n- iron\n- lead\n- gold`],
  ['Write code', '```js\nconst a = { b: 1 };\n```'],
  ['JSON please', '{"a": [1, 2, {"b": null}]}'],
  ['JSON lines please', '```json\n{"a": 1}\n{"a": 2}\n```'],
  ['Table', '| a | b |\n|---|---|\n| 1 | 2 |'],
  ['What is HTML?', 'The <s> tag strikes a text through; <b> makes it bold.'],
  ['Python sets', '[1, 2] is a list'],
  ['Translate to German: all human beings are born free and equal', 'Alle Menschen sind frei und gleich an Würde und Rechten geboren.'],
  ['Who is an AI researcher?', 'Ada works on AI models and likes them.'],
  ['2+2?', '4'],
])('nothing is wrong with: %s → %s', (question, answer) => {
  expect(checks(question, answer)).toEqual([]);
});

test('several turns, tool calls, rows without an answer', () => {
  expect(checkChat([{ role: 'user', text: 'weather?', calls: false }, { role: 'assistant', text: '', calls: true }])).toEqual([]);
  expect(checkChat([{ role: 'user', text: 'weather?', calls: false }]).map(({ check }) => check)).toEqual(['no_answer']);
  expect(checkChat([...row('a good question', 'A good answer.'), ...row('another', '')]).map(({ check }) => check)).toEqual(['empty_answer']);
  expect(checkChat([])).toEqual([]);
});

test('only the checks that were asked for', () => {
  expect(checkChat(row('a', ''), ['refusal'])).toEqual([]);
});

test('the better of two rows', () => {
  const better = rowScore('', 'The library is in Main Street, behind the church; it opens at nine and closes at six.');
  expect(better).toBeGreaterThan(rowScore('', 'library library library library library'));
  expect(better).toBeGreaterThan(rowScore('', 'Main Street'));
});
