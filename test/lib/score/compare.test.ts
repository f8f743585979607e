// Intervals and tests against scipy and statsmodels, closed forms, and trying everything.
import {
  approximateRandomization, benjaminiHochberg, bootstrap, detectableAccuracyGain, detectableEffect, distinct, holm, mcnemar, mcnemarCounts,
  measureText, neededItems, normalQuantile, normalTail, pairedBootstrap, perplexities, selfBleu, sentenceBleu, wilson,
} from '../../../lib/score/index.js';
import { fixture } from './fixtures.js';
import { Random } from './texts.js';

interface Fixture {
  readonly compare: Readonly<Record<'mcnemar' | 'quantile' | 'tail' | 'power', readonly number[]> & Record<'wilson' | 'holm' | 'bh', readonly (readonly number[])[]>>;
}
const { compare } = fixture<Fixture>('answers.json.gz');
const near = (mine: number, theirs: number, within = 1e-12): void => {
  if (!(Math.abs(mine - theirs) <= within * Math.max(Math.abs(theirs), 1e-300))) expect(mine).toBe(theirs);
};

test('McNemar, Wilson, Holm, Benjamini-Hochberg and the normal distribution against scipy and statsmodels', () => {
  const rng = new Random(74);
  compare.mcnemar.forEach((p, i) => {
    const b = rng.below(60);
    near(mcnemarCounts(b, rng.below(60)).p, p, 1e-13);
    const total = 1 + rng.below(2000);
    const { low, high } = wilson(rng.below(total + 1), total);
    expect([low, high].map((v) => v.toFixed(13))).toEqual(compare.wilson[i]!.map((v) => v.toFixed(13)));
    const values: number[] = [];
    for (let left = 1 + rng.below(12); left > 0; left--) values.push(rng.below(10000) / 10000);
    holm(values).forEach((v, k) => near(v, compare.holm[i]![k]!));
    benjaminiHochberg(values).forEach((v, k) => near(v, compare.bh[i]![k]!));
    near(normalQuantile((1 + rng.below(999998)) / 1000000), compare.quantile[i]!, 1e-10);
    near(normalTail(rng.below(160000) / 10000 - 8), compare.tail[i]!, 1e-11);
  });
  [50, 200, 1000, 10000].flatMap((n) => [0.8, 0.9].map((power) => detectableEffect(n, 1, { power })))
    .forEach((effect, i) => near(effect, compare.power[i]!, 1e-4)); // statsmodels stops its search that early
});

test('McNemar of items, also of very many', () => {
  expect(mcnemar([true, true, false, true], [true, false, true, false])).toEqual({ firstOnly: 2, secondOnly: 1, p: 1 });
  expect(mcnemarCounts(0, 10).p).toBe(2 / 1024);
  near(mcnemarCounts(1000, 1100).p, 2 * normalTail((1100 - 1050 - 0.5) / Math.sqrt(2100 / 4)), 2e-3);
});

test('randomisation with few items tries all swaps', () => {
  const rng = new Random(1);
  const [first, second] = [0, 1].map(() => Array.from({ length: 10 }, () => rng.below(100)));
  const gaps = first!.map((v, i) => second![i]! - v);
  const seen = Math.abs(gaps.reduce((sum, gap) => sum + gap, 0));
  let atLeast = 0;
  for (let mask = 0; mask < 1024; mask++) if (Math.abs(gaps.reduce((sum, gap, i) => sum + ((mask >> i) & 1 ? -gap : gap), 0)) >= seen) atLeast++;
  expect(approximateRandomization(first!, second!)).toEqual({ difference: gaps.reduce((sum, gap) => sum + gap, 0) / 10, p: atLeast / 1024, exact: true });
  // Many copies of the same items, swapped by cluster, are still ten items.
  const many = (values: readonly number[]): number[] => values.flatMap((v) => Array.from({ length: 7 }, () => v));
  const clusters = many(first!.map((_, i) => i));
  expect(approximateRandomization(many(first!), many(second!), { clusters }).p).toBe(atLeast / 1024);
});

test('randomisation by chance comes near the normal test, and equal systems give p = 1', () => {
  const rng = new Random(2);
  const first = Array.from({ length: 400 }, () => rng.below(1000) / 1000);
  const second = first.map((v) => v + rng.below(1000) / 1000 - 0.46);
  const gaps = first.map((v, i) => second[i]! - v);
  const spread = Math.sqrt(gaps.reduce((sum, gap) => sum + gap * gap, 0));
  const p = 2 * normalTail(Math.abs(gaps.reduce((sum, gap) => sum + gap, 0)) / spread);
  expect(Math.abs(approximateRandomization(first, second).p - p)).toBeLessThan(0.01);
  expect(approximateRandomization(first, first).p).toBe(1);
});

test('bootstrap intervals: of a mean near the normal one, wider by cluster, paired narrower', () => {
  const rng = new Random(3);
  const values = Array.from({ length: 900 }, () => rng.below(1000) / 1000);
  const mean = values.reduce((sum, v) => sum + v, 0) / 900;
  const error = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0)) / 900;
  const plain = bootstrap(values, { resamples: 2000 });
  expect(plain.value).toBeCloseTo(mean, 12);
  expect(Math.abs(plain.standardError / error - 1)).toBeLessThan(0.06);
  expect(Math.abs((plain.high - plain.low) / (2 * 1.96 * error) - 1)).toBeLessThan(0.08);
  expect(bootstrap(values, { resamples: 2000 })).toEqual(plain);

  // Items that come in copies of nine: the interval of 100 items, three times as wide.
  const copies = values.map((_, i) => values[Math.floor(i / 9)]!);
  const [naive, honest] = [bootstrap(copies, {}), bootstrap(copies, { clusters: copies.map((_, i) => Math.floor(i / 9)) })];
  expect(honest.standardError / naive.standardError).toBeGreaterThan(2.6);
  expect(honest.standardError / naive.standardError).toBeLessThan(3.4);

  const better = values.map((v) => v + 0.02 + rng.below(100) / 10000);
  const paired = pairedBootstrap(values, better);
  expect(paired.low).toBeGreaterThan(0.02);
  expect(paired.p).toBe(1 / 1001);
  expect(pairedBootstrap(values, values).p).toBe(1);
});

test('what can be seen: simulated tests find the detectable effect about as often as promised', () => {
  expect(neededItems(detectableEffect(500, 0.7), 0.7)).toBe(500);
  const items = 400;
  const gain = detectableAccuracyGain(items, 0.2);
  const rng = new Random(4);
  let found = 0;
  for (let run = 0; run < 300; run++) {
    let [better, worse] = [0, 0];
    for (let i = 0; i < items; i++) {
      const roll = rng.word() / 2 ** 32;
      if (roll < (0.2 + gain) / 2) better++;
      else if (roll < 0.2) worse++;
    }
    if (Math.abs(better - worse) / Math.sqrt(better + worse - (better - worse) ** 2 / items) > 1.959964) found++;
  }
  expect(found / 300).toBeGreaterThan(0.73);
  expect(found / 300).toBeLessThan(0.87);
});

test('perplexities, distinct-n and self-BLEU', () => {
  expect(measureText('Zwölf Boxkämpfer\n jagen ')).toEqual({ words: 4, bytes: 26 });
  const two = perplexities([{ nll: 10, tokens: 5, words: 4, bytes: 20 }, { nll: 6, tokens: 3, words: 4, bytes: 12 }]);
  expect([two.token, two.word, two.byte, two.bitsPerByte]).toEqual([Math.exp(2), Math.exp(2), Math.exp(0.5), 0.5 / Math.LN2]);
  expect([distinct(['a b a', 'a b'], 1), distinct(['a b a', 'a b'], 2), distinct([''], 1)]).toEqual([2 / 5, 2 / 3, 0]);
  expect(selfBleu(['the cat sat on the mat', 'the cat sat on the mat'])).toBeCloseTo(100, 10);
  const texts = ['the cat sat on the mat', 'the cat lay on the mat', 'dogs bark at night now'];
  const each = texts.map((text, i) => sentenceBleu(text, texts.filter((_, j) => j !== i), { effectiveOrder: false, smoothing: 'floor' }).score);
  expect(selfBleu(texts)).toBeCloseTo(each.reduce((sum, v) => sum + v, 0) / 3, 12);
});

test('wrong arguments are named', () => {
  expect(() => wilson(3, 2)).toThrow(/hits: expected a number from 0 to 2/);
  expect(() => holm([0.1, 2])).toThrow(/p\[1\]: expected a probability/);
  expect(() => bootstrap([1, 2], { clusters: ['a'] })).toThrow(/clusters: expected as many as items \(2\)/);
  expect(() => pairedBootstrap([1], [1, 2])).toThrow(/second: expected as many as first \(1\)/);
});
