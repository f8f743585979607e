// The language of texts of at least 40 characters in more than 40 languages, and answers in another language than their question.
import { ENOUGH_CHARACTERS, languageMismatch, languageOf } from '../../../lib/curate/language.js';
import { SENTENCES } from './languages.js';

test('at least 95 % of texts of 40 characters and more, over 40 languages and more', () => {
  const texts = Object.entries(SENTENCES).flatMap(([language, sentences]) => [...sentences, sentences.join(' ')].map((text) => ({ language, text })))
    .filter(({ text, language }) => text.length >= ENOUGH_CHARACTERS || language === 'zh');
  const wrong = texts.filter(({ language, text }) => languageOf(text) !== language).map(({ language, text }) => `${language} taken for ${languageOf(text)}: ${text}`);
  expect(Object.keys(SENTENCES).length).toBeGreaterThanOrEqual(40);
  expect(texts.length).toBeGreaterThan(110);
  expect([1 - wrong.length / texts.length >= 0.95, wrong]).toEqual([true, wrong]);
});

test('short texts, code and numbers are not judged', () => {
  expect(languageOf('Hello there')).toBeUndefined();
  expect(languageOf('```js\nconst longEnough = [1, 2, 3].map((x) => x * 2).filter(Boolean);\n```')).toBeUndefined();
  expect(languageOf('12 34 56 78 90 12 34 56 78 90 12 34 56 78 90 12 34 56 78')).toBeUndefined();
});

test('an answer in another language than its question', () => {
  const [de, en] = [SENTENCES['de']!.join(' '), SENTENCES['en']!.join(' ')];
  expect(languageMismatch(en, de)).toEqual({ question: 'en', answer: 'de' });
  expect(languageMismatch(en, en)).toBeUndefined();
  expect(languageMismatch(`Translate into German: ${en}`, de)).toBeUndefined();
  expect(languageMismatch('Why?', de)).toBeUndefined();
});
