// Numbers at the end of answers, tolerance, and factual accuracy with several references.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { askFacts, scoreFacts } from '../../../../lib/eval/answers/facts.js';
import { finalNumber, numbersAgree, parseNumber } from '../../../../lib/eval/answers/numbers.js';

test.each([
  ['She has 3 + 4 = 7 apples.\n#### 7', 7], ['#### -1,234.50', -1234.5], ['so $18 a day.', 18], ['The answer is 1,000,000.', 1e6], ['Answer: 3/4', 0.75], ['\\boxed{42} and 7 more', 42],
  ['first 12, then 15%', 15], ['10-12 people', 12], ['It is −5 degrees', -5], ['x = 2.5e3', 2500], ['about .5', 0.5], ['The answer is 5. No: the answer is 6, of 10', 6], ['none at all', undefined],
  ['he was born in 1990', 1990], ['2 apples and 3 pears make 5.', 5], ['The answer is unclear; 8 maybe', 8], ['#### no number\nbut 4', 4],
])('%j ends in %p', (text, value) => {
  expect(finalNumber(text)).toBe(value);
});

test('strictly, only what stands after #### counts', () => {
  expect([finalNumber('7', { strict: true }), finalNumber('#### 7\n8', { strict: true }), finalNumber('the answer is 9', { strict: true })]).toEqual([undefined, 7, undefined]);
  expect([parseNumber('$1,000'), parseNumber('1/4'), parseNumber('x'), parseNumber(''), parseNumber('1/0')]).toEqual([1000, 0.25, undefined, undefined, undefined]);
});

test('numbers agree as Python\'s isclose has it', () => {
  expect([numbersAgree(1, 1 + 1e-10), numbersAgree(1, 1.001), numbersAgree(1, 1.001, { relative: 0.01 }), numbersAgree(0, 1e-12), numbersAgree(0, 1e-12, { absolute: 1e-9 }), numbersAgree(-0, 0)])
    .toEqual([true, false, true, false, true, true]);
});

const ROWS = [
  { question: 'Who wrote Emma?', references: ['Jane Austen', 'Austen'] },
  { question: 'How many legs has a spider?', references: ['8'] },
  { question: 'Capital of France?', references: ['Paris'] },
  { question: 'Half of three?', references: ['3 / 2\n#### 1.5'] },
];

test('facts are compared by words or by number, with all references, and shares have intervals', () => {
  const report = scoreFacts(ROWS, ['the Austen.', 'A spider has 8 legs', 'It is Paris', 'The answer is 1.5000000001'], { relative: 1e-6 });
  expect(report.results.map(({ compared, correct, f1 }) => [compared, correct, Number(f1.toFixed(4))])).toEqual([['words', 1, 1], ['number', 1, 1], ['words', 0, 0.5], ['number', 1, 1]]);
  expect(report.accuracy.value).toBe(0.75);
  expect(report.accuracy.low).toBeLessThan(0.75);
  expect(report.accuracy.high).toBe(1);
  expect(report.f1.value).toBe(0.875);
  expect(scoreFacts(ROWS.slice(1, 2), ['8 legs'], { compare: 'words' }).accuracy.value).toBe(0);
  expect(() => scoreFacts(ROWS, ['one'])).toThrow(/an answer to each of 4 questions, came 1/);
  expect(() => scoreFacts([{ question: 'q', references: [] }], ['a'])).toThrow(/at least one reference/);
});

test('a model is asked question by question, so many at once', async () => {
  let [running, most] = [0, 0];
  const prompts: string[] = [];
  const report = await askFacts(async (prompt) => {
    prompts.push(prompt);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
    return prompt.includes('Emma') ? 'Jane Austen' : '#### 8';
  }, ROWS, { atOnce: 2 });
  expect([most, report.results.map(({ correct }) => correct)]).toEqual([2, [1, 1, 0, 0]]);
  expect(prompts[0]).toBe('Who wrote Emma?\nAnswer:');
});

const GSM8K = resolve(__dirname, '..', '..', '..', '..', '..', 'shared', 'data', 'gsm8k-test.jsonl');

test('every answer of GSM8K is found again', () => {
  if (!existsSync(GSM8K)) {
    process.stderr.write('not tested here: gsm8k-test.jsonl does not lie in ../shared/data\n');
    return;
  }
  const rows = readFileSync(GSM8K, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { question: string; answer: string });
  const right = rows.map(({ answer }) => Number(answer.split('#### ')[1]!.replaceAll(',', '')));
  expect(rows.map(({ answer }) => finalNumber(answer))).toEqual(right);
  expect(right.map((value) => finalNumber(`So the answer is $${value.toLocaleString('en-US')}.`))).toEqual(right);
  const report = scoreFacts(rows.map(({ question, answer }) => ({ question, references: [answer] })), right.map((value, i) => `It is ${i % 4 === 0 ? value + 1 : value}`));
  expect(report.accuracy.value).toBeCloseTo(1 - Math.ceil(rows.length / 4) / rows.length, 12);
});
