// A model as judge of two answers to one question. Every pair is judged in both orders: only a verdict that survives the
// exchange counts as a win. What judges are known to be drawn to, the first place and the longer text, is measured.

import { EngineError } from '../../errors.js';
import { AnswerCache } from '../tasks/cache.js';
import { bootstrap, wilson } from '../../score/index.js';

export interface JudgedPair {
  readonly question: string;
  readonly a: string;
  readonly b: string;
  /** What people said, for the agreement. */
  readonly human?: 'a' | 'b' | 'tie';
}

export interface Judge {
  (prompt: string): Promise<string>;
  /** Names model and settings; without it verdicts are not cached. */
  readonly id?: string;
}

export interface JudgeOptions {
  /** Pairs at once. @default 4 */
  readonly atOnce?: number;
  /** A file for the verdicts, keyed by everything that they depend on. */
  readonly cache?: string;
  /** Most calls of the judge; the cache does not count. @default no limit */
  readonly maxCalls?: number;
  /** What makes an answer better, in the judge's instructions. */
  readonly criteria?: string;
  readonly onVerdict?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export type Verdict = 'first' | 'second' | 'tie' | 'unclear';

export interface PairVerdict extends JudgedPair {
  /** Said with a in the first place, and with b in the first place. */
  readonly verdicts: readonly [Verdict, Verdict];
  /** "inconsistent": the winner changed with the order; counted as a tie. */
  readonly outcome: 'a' | 'b' | 'tie' | 'inconsistent' | 'unclear';
}

export interface ShareOf {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly of: number;
}

export interface JudgeReport {
  readonly pairs: number;
  readonly wins: { readonly a: number; readonly b: number; readonly tie: number; readonly inconsistent: number; readonly unclear: number };
  /** Wins of a, ties and inconsistent verdicts as halves, over the pairs with a clear verdict. */
  readonly winRate: ShareOf;
  /** How often the first place won, of single verdicts with a winner: 0.5 without bias. */
  readonly firstPlace: ShareOf;
  /** How often the longer answer won, of decided pairs of different length. 0.5 without bias, if length says nothing. */
  readonly longer: ShareOf;
  /** Pairs whose winner did not change with the order, of those with two clear verdicts. */
  readonly consistent: ShareOf;
  /** Cohen's kappa with the human verdicts, where there are some. */
  readonly agreement?: ShareOf;
  readonly calls: number;
  readonly cached: number;
  readonly verdicts: readonly PairVerdict[];
}

const CRITERIA = 'Judge whether the answers are right, complete and to the point. Neither the order in which they stand nor their length makes one better.';

/** What the judge reads. The verdict stands in double brackets at the end. */
export function judgePrompt(question: string, first: string, second: string, criteria = CRITERIA): string {
  return `Two assistants have answered the same question. ${criteria}\n\n[Question]\n${question}\n\n[Answer A]\n${first}\n\n[Answer B]\n${second}\n\n` +
    'Compare the two answers in a few sentences. Then end with your verdict on a line of its own: [[A]] if answer A is better, [[B]] if answer B is better, [[C]] if they are equally good.';
}

/** The last verdict in a judge's text. */
export function readVerdict(text: string): Verdict {
  const last = [...text.matchAll(/\[\[\s*([ABC])\s*\]\]/gi)].at(-1)?.[1]?.toUpperCase();
  return last === 'A' ? 'first' : last === 'B' ? 'second' : last === 'C' ? 'tie' : 'unclear';
}

export async function judgePairs(judge: Judge, pairs: readonly JudgedPair[], options: JudgeOptions = {}): Promise<JudgeReport> {
  const { atOnce = 4, maxCalls = Infinity, criteria, onVerdict, signal } = options;
  const cache = await AnswerCache.open(judge.id === undefined ? undefined : options.cache);
  let calls = 0;
  const say = async (question: string, first: string, second: string): Promise<Verdict> => {
    const prompt = judgePrompt(question, first, second, criteria);
    const key = AnswerCache.key('judge', judge.id ?? null, prompt);
    let text = cache.get<string>(key);
    if (text === undefined) {
      signal?.throwIfAborted();
      if (calls >= maxCalls) {
        throw new EngineError(`the judge was called ${calls} times, the limit, and pairs are left. Their verdicts are kept where there is a cache; raise maxCalls to go on`,
          { code: 'ERR_INVALID_ARGUMENT', argument: 'maxCalls', expected: 'enough for all pairs', received: String(maxCalls) });
      }
      calls++;
      text = await judge(prompt);
      await cache.put([{ key, answer: text }]);
    }
    return readVerdict(text);
  };
  const verdicts: PairVerdict[] = [];
  let [next, done] = [0, 0];
  await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, pairs.length)) }, async () => {
    while (next < pairs.length) {
      const at = next++;
      const pair = pairs[at]!;
      const both = [await say(pair.question, pair.a, pair.b), await say(pair.question, pair.b, pair.a)] as const;
      verdicts[at] = { ...pair, verdicts: both, outcome: outcomeOf(both) };
      onVerdict?.(++done, pairs.length);
    }
  }));
  return { ...summarise(verdicts), calls, cached: cache.hits };
}

function outcomeOf([forward, backward]: readonly [Verdict, Verdict]): PairVerdict['outcome'] {
  if (forward === 'unclear' || backward === 'unclear') return 'unclear';
  const turned = backward === 'first' ? 'second' : backward === 'second' ? 'first' : 'tie';
  if (forward !== turned) return 'inconsistent';
  return forward === 'first' ? 'a' : forward === 'second' ? 'b' : 'tie';
}

function summarise(verdicts: readonly PairVerdict[]): Omit<JudgeReport, 'calls' | 'cached'> {
  const count = (outcome: PairVerdict['outcome']): number => verdicts.filter((one) => one.outcome === outcome).length;
  const wins = { a: count('a'), b: count('b'), tie: count('tie'), inconsistent: count('inconsistent'), unclear: count('unclear') };
  const clear = verdicts.filter(({ outcome }) => outcome !== 'unclear');
  const single = verdicts.flatMap((one) => one.verdicts).filter((one) => one === 'first' || one === 'second');
  const decided = clear.filter(({ outcome, a, b }) => (outcome === 'a' || outcome === 'b') && a.length !== b.length);
  const human = clear.filter((one) => one.human !== undefined);
  return {
    pairs: verdicts.length, wins,
    winRate: estimated(clear, (ones) => ones.reduce((sum, { outcome }) => sum + (outcome === 'a' ? 1 : outcome === 'b' ? 0 : 0.5), 0) / ones.length),
    firstPlace: share(single.filter((one) => one === 'first').length, single.length),
    longer: share(decided.filter(({ outcome, a, b }) => (outcome === 'a') === (a.length > b.length)).length, decided.length),
    consistent: share(clear.length - wins.inconsistent, clear.length),
    ...(human.length === 0 ? {} : { agreement: estimated(human, kappa) }),
    verdicts,
  };
}

function share(hits: number, of: number): ShareOf {
  if (of === 0) return { value: NaN, low: NaN, high: NaN, of };
  const { low, high } = wilson(hits, of);
  return { value: hits / of, low, high, of };
}

function estimated<T>(items: readonly T[], score: (items: readonly T[]) => number): ShareOf {
  if (items.length === 0) return { value: NaN, low: NaN, high: NaN, of: 0 };
  const { value, low, high } = bootstrap(items, {}, score);
  return { value, low, high, of: items.length };
}

/** Cohen's kappa of the judge's outcomes (inconsistent ones as ties) and the human ones; 1 where chance alone would agree always. */
function kappa(verdicts: readonly PairVerdict[]): number {
  const n = verdicts.length;
  const own = verdicts.map(({ outcome }) => (outcome === 'a' || outcome === 'b' ? outcome : 'tie'));
  const agreed = own.filter((outcome, i) => outcome === verdicts[i]!.human).length / n;
  const chance = (['a', 'b', 'tie'] as const).reduce((sum, name) =>
    sum + (own.filter((one) => one === name).length / n) * (verdicts.filter(({ human }) => human === name).length / n), 0);
  return chance === 1 ? 1 : (agreed - chance) / (1 - chance);
}
