// ROUGE against google's rouge_score 0.1.2, bit for bit, its stemmer and its bootstrap; and the Unicode mode.
import { createHash } from 'node:crypto';
import { aggregateRouge, porterStem, rouge, RougeScorer } from '../../../lib/score/index.js';
import type { AggregateScore, RougeScore, RougeType } from '../../../lib/score/index.js';
import { doubles, fixture } from './fixtures.js';
import { longPair, pair, Random } from './texts.js';

type Three = readonly [number, number, number];
interface Fixture {
  readonly digest: string;
  readonly types: readonly RougeType[];
  readonly pairs: number;
  readonly aggregates: readonly (readonly [boolean, number, number, number, number, number, Readonly<Record<RougeType, readonly [Three, Three, Three]>>])[];
  readonly long: readonly (readonly Three[])[];
  readonly stems: readonly [string, string];
}

const expected = fixture<Fixture>('rouge.json.gz');
const { types } = expected;
const rng = new Random(712);
const pairs = Array.from({ length: expected.pairs }, (_, i) => pair(rng, i % 4 === 0 ? 3 : 1));
const three = ({ precision, recall, fmeasure }: RougeScore): Three => [precision, recall, fmeasure];

test('both sides made the same texts', () => {
  const all = pairs.map(({ hypothesis, references }) => [hypothesis, ...references].join('\x01')).join('\x00');
  expect(createHash('sha256').update(all).digest('hex')).toBe(expected.digest);
});

test('stems', () => {
  const [words, stems] = expected.stems.map((text) => text.split(' '));
  expect(words!.length).toBeGreaterThan(9000);
  expect(words!.map(porterStem)).toEqual(stems);
});

test.each([[false, 0], [true, 1]] as const)('all pairs, and intervals of their means, stemmer: %p', (stemmer, block) => {
  const values = doubles('rouge.f64.gz');
  const scorer = new RougeScorer({ types, stemmer });
  const scores = pairs.map(({ hypothesis, references }) => scorer.scoreMulti(references, hypothesis));
  const size = 3 * types.length;
  const wrong = scores.flatMap((score, row) => {
    const mine = types.flatMap((type) => three(score[type]));
    const theirs = [...values.subarray((block * pairs.length + row) * size, (block * pairs.length + row + 1) * size)];
    return mine.every((value, i) => value === theirs[i]) ? [] : [{ row, mine, theirs, pair: pairs[row] }];
  });
  expect(wrong.slice(0, 3)).toEqual([]);

  for (const [stem, start, count, confidence, resamples, seed, intervals] of expected.aggregates) {
    if (stem !== stemmer) continue;
    const mine = aggregateRouge(scores.slice(start, start + count), { confidence, resamples, seed });
    const plain = (score: AggregateScore): readonly Three[] => [three(score.low), three(score.mid), three(score.high)];
    expect(Object.fromEntries(types.map((type) => [type, plain(mine[type])]))).toEqual(intervals);
  }
});

test('ten thousand words, and long sentences', () => {
  const [prediction, target] = longPair(new Random(5), 10000, 800);
  const cut = (text: string): string => [0, 500, 1000, 1500].map((at) => text.split(' ').slice(at, at + 500).join(' ')).join('\n');
  const ngrams = rouge(target, prediction, { types: ['rouge1', 'rouge2'], stemmer: true });
  const sequences = rouge(cut(target), cut(prediction), { types: ['rougeL', 'rougeLsum'] });
  expect([[three(ngrams.rouge1), three(ngrams.rouge2)], [three(sequences.rougeL), three(sequences.rougeLsum)]]).toEqual(expected.long);
});

test('the Unicode mode sees what the reference cannot', () => {
  const texts = ['我在大学学习中文。', 'مرحبا بالعالم', 'สวัสดีชาวโลก', 'नमस्ते दुनिया', 'Жизнь прекрасна', '안녕 세상'];
  for (const same of texts) {
    expect(rouge(same, same).rouge1.fmeasure).toBe(0);
    expect(rouge(same, same, { tokenizer: 'unicode' })).toMatchObject({ rouge1: { fmeasure: 1 }, rougeL: { fmeasure: 1 }, rougeLsum: { fmeasure: 1 } });
  }
  // Four of five characters; a letter with its mark is one symbol; English stems as before.
  expect(rouge('我爱吃苹果', '我爱吃梨果', { tokenizer: 'unicode' }).rouge1.precision).toBe(4 / 5);
  expect(rouge('cafe\u0301', 'caf\u00e9', { tokenizer: 'unicode' }).rouge1.fmeasure).toBe(1);
  expect(rouge('the dogs jumped', 'the dog jumps', { tokenizer: 'unicode', stemmer: true }).rouge1.fmeasure).toBe(1);
});

test('wrong arguments are named', () => {
  expect(() => rouge('a', 'b', { types: ['rouge0' as 'rouge1'] })).toThrow(/types: expected rouge1 to rouge9/);
  expect(() => rouge([], 'b')).toThrow(/targets: expected at least one text/);
  expect(() => aggregateRouge([])).toThrow(/scores: expected at least one pair/);
});
