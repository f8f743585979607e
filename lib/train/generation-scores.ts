// How an answer written during training is scored against its row: the scores that have names here, and functions of the
// user's own.

import { dataError, describe, EngineError } from '../errors.js';
import { finalNumber, numbersAgree } from '../eval/answers/numbers.js';
import { exportOf, importOwn, ownNumber } from '../eval/own-functions.js';
import { answerF1, exactMatch, RougeScorer, sentenceChrf } from '../score/index.js';
import type { Config } from './config/schema.js';

/** A score of one answer; where the answer stands is for messages. */
type Score = (said: string, expected: string, at: { readonly row: number; readonly prompt: string }) => number;

const rouge = new RougeScorer({ types: ['rougeL'] });
const SCORES: Readonly<Record<string, Score>> = {
  exactMatch: (said, expected) => exactMatch(said, [expected]),
  answerF1: (said, expected) => answerF1(said, [expected], 1),
  numberMatch: (said, expected) => {
    const [a, b] = [finalNumber(said), finalNumber(expected)];
    return a !== undefined && b !== undefined && numbersAgree(a, b) ? 1 : 0;
  },
  rougeL: (said, expected) => rouge.score(expected, said).rougeL.fmeasure,
  chrf: (said, expected) => sentenceChrf(said, expected).score,
  length: (said) => Array.from(said).length,
};

export interface AnswerScore {
  readonly score: Score;
  readonly better: 'smaller' | 'larger';
}

/** Scores by the names that validations show; "metrics.ts#name" is the function `name` of a module. */
export async function scoresOf(metrics: Config['generate']['metrics']): Promise<ReadonlyMap<string, AnswerScore>> {
  const scores = new Map<string, AnswerScore>();
  for (const entry of metrics) {
    const hash = entry.lastIndexOf('#');
    const name = entry.slice(hash + 1);
    if (scores.has(name) || (hash >= 0 && SCORES[name] !== undefined)) {
      throw new EngineError(`generate.metrics: "${name}" is the name of two metrics. Rename one`, { code: 'ERR_CONFIG', key: 'generate.metrics' });
    }
    scores.set(name, hash < 0 ? { score: SCORES[name]!, better: 'larger' } : ownScore(await importOwn(entry.slice(0, hash)), name, entry.slice(0, hash)));
  }
  return scores;
}

/** An exported function, or `{ score, better: 'smaller' }` where less is better. */
function ownScore(module: Readonly<Record<string, unknown>>, name: string, file: string): AnswerScore {
  const found = exportOf(module, name, file);
  const { score, better = 'larger' } = (typeof found === 'function' ? { score: found } : found ?? {}) as { score?: unknown; better?: unknown };
  if (typeof score !== 'function' || (better !== 'larger' && better !== 'smaller')) {
    throw dataError({ file }, `${name}: expected a function (said, expected, prompt) => number, or { score, better: 'larger' or 'smaller' } with it, came ${describe(found)}`);
  }
  const call = score as (said: string, expected: string, prompt: string) => unknown;
  return { better, score: (said, expected, { row, prompt }) => ownNumber(() => call(said, expected, prompt), `the metric "${name}"`, { file, row }) };
}
