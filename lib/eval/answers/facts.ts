// Factual accuracy without a book: questions are asked as they are, answers compared with all references, by words as
// SQuAD does or by the number they end in. Every share comes with its interval.

import { bootstrap, answerF1, exactMatch } from '../../score/index.js';
import { dataError } from '../../errors.js';
import { finalNumber, numbersAgree } from './numbers.js';
import type { Tolerance } from './numbers.js';

export interface FactRow {
  readonly question: string;
  /** Any of these is right. */
  readonly references: readonly string[];
}

export interface FactOptions extends Tolerance {
  /** How answers are compared; "auto": as numbers where every reference of a row is or ends in one after "####". @default "auto" */
  readonly compare?: 'words' | 'number' | 'auto';
  /** What the model is asked. @default the question and "Answer:" */
  readonly prompt?: (question: string) => string;
  /** Questions at once. @default 4 */
  readonly atOnce?: number;
  readonly onAnswer?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface FactResult extends FactRow {
  readonly answer: string;
  readonly compared: 'words' | 'number';
  readonly correct: 0 | 1;
  /** Of words; 0 or 1 for numbers. */
  readonly f1: number;
}

export interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface FactReport {
  readonly rows: number;
  /** Share of answers that are right: exact match of words or agreement of numbers. */
  readonly accuracy: Share;
  readonly f1: Share;
  readonly results: readonly FactResult[];
}

/** Compares answers that are there already. */
export function scoreFacts(rows: readonly FactRow[], answers: readonly string[], options: FactOptions = {}): FactReport {
  if (rows.length === 0 || answers.length !== rows.length) throw dataError({}, `expected an answer to each of ${rows.length} questions, came ${answers.length}`);
  const results = rows.map((row, i) => compare(row, answers[i]!, options));
  const share = (values: readonly number[]): Share => {
    const { value, low, high } = bootstrap(values);
    return { value, low, high };
  };
  return { rows: rows.length, accuracy: share(results.map(({ correct }) => correct)), f1: share(results.map(({ f1 }) => f1)), results };
}

/** Asks a model every question and compares what it says. */
export async function askFacts(ask: (prompt: string) => Promise<string>, rows: readonly FactRow[], options: FactOptions = {}): Promise<FactReport> {
  const { prompt = (question: string) => `${question}\nAnswer:`, atOnce = 4, onAnswer, signal } = options;
  const answers: string[] = [];
  let [next, done] = [0, 0];
  await Promise.all(Array.from({ length: Math.min(atOnce, rows.length) }, async () => {
    while (next < rows.length) {
      signal?.throwIfAborted();
      const at = next++;
      answers[at] = await ask(prompt(rows[at]!.question));
      onAnswer?.(++done, rows.length);
    }
  }));
  return scoreFacts(rows, answers, options);
}

function compare(row: FactRow, answer: string, options: FactOptions): FactResult {
  const { compare: wanted = 'auto' } = options;
  const { references } = row;
  if (references.length === 0) throw dataError({}, `question ${JSON.stringify(row.question.slice(0, 60))}: expected at least one reference, came none`);
  const numbers = references.map((text) => finalNumber(text, { strict: text.includes('####') }));
  const alone = references.every((text) => text.includes('####') || /^[\s$€£\d,.+\-\u2212%/eE]+$/u.test(text));
  if (wanted === 'number' || (wanted === 'auto' && alone && numbers.every((number) => number !== undefined))) {
    const said = finalNumber(answer);
    const correct = said !== undefined && numbers.some((number) => number !== undefined && numbersAgree(said, number, options)) ? 1 : 0;
    return { ...row, answer, compared: 'number', correct, f1: correct };
  }
  return { ...row, answer, compared: 'words', correct: exactMatch(answer, references) === 1 ? 1 : 0, f1: answerF1(answer, references, 1) };
}
