// Exact match and word F1 of short answers, as the scripts of SQuAD 1.1 and 2.0 count them. In 2.0 some questions have
// no answer: the right answer is then empty, and a model may give a probability that there is none.

import { invalid } from '../invalid.js';
import { answerWords, normalizeAnswer, sharedWords } from './normalize.js';

export interface Question {
  readonly id: string;
  /** All answers that count as right; none: unanswerable (SQuAD 2.0). */
  readonly answers: readonly string[];
}

export interface GivenAnswer {
  readonly id: string;
  readonly text: string;
  /** How sure the model is that there is no answer. @default 0 */
  readonly noAnswerProbability?: number;
}

/** 1 if an answer equals one of the right ones after normalising, else 0. */
export function exactMatch(answer: string, right: readonly string[]): number {
  const given = normalizeAnswer(answer);
  return right.some((text) => normalizeAnswer(text) === given) ? 1 : 0;
}

function wordF1(given: readonly string[], right: readonly string[]): number {
  const shared = sharedWords(given, right);
  if (shared === 0) return 0;
  const [precision, recall] = [shared / given.length, shared / right.length];
  return 2 * precision * recall / (precision + recall);
}

/** Best F1 of words over the right answers; with nothing on one side 0, on both sides 0 (1.1) or 1 (2.0). */
export function answerF1(answer: string, right: readonly string[], bothEmpty: 0 | 1 = 0): number {
  const given = answerWords(answer);
  return Math.max(...right.map((text) => {
    const words = answerWords(text);
    return given.length === 0 && words.length === 0 ? bothEmpty : wordF1(given, words);
  }));
}

function byId(answers: readonly GivenAnswer[]): Map<string, GivenAnswer> {
  const found = new Map<string, GivenAnswer>();
  answers.forEach((answer, i) => {
    if (found.has(answer.id)) throw invalid(`answers[${i}].id`, 'each question answered once', answer.id);
    found.set(answer.id, answer);
  });
  return found;
}

export interface SquadScore {
  /** In percent. */
  readonly exactMatch: number;
  /** In percent. */
  readonly f1: number;
  readonly total: number;
}

/** SQuAD 1.1. A question without an answer from the model counts as wrong. */
export function squad(questions: readonly Question[], answers: readonly GivenAnswer[]): SquadScore {
  if (questions.length === 0) throw invalid('questions', 'at least one', questions);
  const given = byId(answers);
  let [exact, f1] = [0, 0];
  questions.forEach(({ id, answers: right }, i) => {
    if (right.length === 0) throw invalid(`questions[${i}].answers`, 'at least one text', right, 'questions without an answer belong to squadV2');
    const answer = given.get(id);
    if (answer === undefined) return;
    exact += exactMatch(answer.text, right);
    f1 += answerF1(answer.text, right);
  });
  const total = questions.length;
  return { exactMatch: 100 * exact / total, f1: 100 * f1 / total, total };
}

export interface SquadV2Score extends SquadScore {
  readonly hasAnswer?: SquadScore;
  readonly noAnswer?: SquadScore;
  /** The highest score that some threshold on the no-answer probability reaches, and that threshold. */
  readonly best: { readonly exactMatch: number; readonly exactThreshold: number; readonly f1: number; readonly f1Threshold: number };
}

interface Row {
  readonly answer: GivenAnswer;
  readonly answerable: boolean;
  readonly exact: number;
  readonly f1: number;
}

/** SQuAD 2.0. Above `threshold` a no-answer probability makes the answer empty. */
export function squadV2(questions: readonly Question[], answers: readonly GivenAnswer[], threshold = 1): SquadV2Score {
  if (questions.length === 0) throw invalid('questions', 'at least one', questions);
  const given = byId(answers);
  const rows = new Map(questions.map(({ id, answers: texts }): [string, Row] => {
    const answer = given.get(id);
    if (answer === undefined) throw invalid('answers', `an answer to question ${JSON.stringify(id)}`, undefined, 'give an empty text for none');
    const kept = texts.filter((text) => normalizeAnswer(text) !== '');
    const right = kept.length === 0 ? [''] : kept;
    return [id, { answer, answerable: texts.length > 0, exact: exactMatch(answer.text, right), f1: answerF1(answer.text, right, 1) }];
  }));
  const score = (part: readonly Row[]): SquadScore => {
    const sum = (pick: (row: Row) => number): number => part.reduce((total, row) =>
      total + ((row.answer.noAnswerProbability ?? 0) > threshold ? Number(!row.answerable) : pick(row)), 0);
    return { exactMatch: 100 * sum((row) => row.exact) / part.length, f1: 100 * sum((row) => row.f1) / part.length, total: part.length };
  };
  const all = [...rows.values()];
  const [has, none] = [all.filter((row) => row.answerable), all.filter((row) => !row.answerable)];
  const inOrder = answers.flatMap((answer) => rows.get(answer.id) ?? []);
  const [exact, f1] = [bestThreshold(inOrder, (row) => row.exact), bestThreshold(inOrder, (row) => row.f1)];
  return {
    ...score(all), ...(has.length > 0 ? { hasAnswer: score(has) } : {}), ...(none.length > 0 ? { noAnswer: score(none) } : {}),
    best: { exactMatch: exact.score, exactThreshold: exact.threshold, f1: f1.score, f1Threshold: f1.threshold },
  };
}

/** Goes through the answers from the surest one on and keeps where the score would have been highest. */
function bestThreshold(rows: readonly Row[], pick: (row: Row) => number): { readonly score: number; readonly threshold: number } {
  const probability = (row: Row): number => row.answer.noAnswerProbability ?? 0;
  let now = rows.filter((row) => !row.answerable).length;
  let [best, threshold] = [now, 0];
  for (const row of [...rows].sort((a, b) => probability(a) - probability(b))) {
    now += row.answerable ? pick(row) : row.answer.text === '' ? 0 : -1;
    if (now > best) [best, threshold] = [now, probability(row)];
  }
  return { score: 100 * best / rows.length, threshold };
}
