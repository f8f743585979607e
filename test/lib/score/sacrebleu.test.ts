// BLEU, chrF and TER against sacreBLEU 2.6.0, bit for bit: sentences, corpora, signatures, intervals, paired tests.
import { createHash } from 'node:crypto';
import { Bleu, bleu, Chrf, chrf, formatScore, pairedTest, Ter, ter } from '../../../lib/score/index.js';
import type { BleuOptions, ChrfOptions, CorpusMetric, CorpusScore, References, TerOptions } from '../../../lib/score/index.js';
import { doubles, fixture } from './fixtures.js';
import { change, longPair, movedPair, pair, Random } from './texts.js';

type Config = readonly ['bleu' | 'chrf' | 'ter', Readonly<Record<string, string | number | boolean>>];
interface Fixture {
  readonly digest: string;
  readonly configs: readonly Config[];
  readonly pairs: number;
  readonly corpus: number;
  readonly corpora: readonly (readonly [number, string, string, string])[];
  readonly resampled: readonly (readonly [number, number, number, number, string, string])[];
  readonly paired: readonly (readonly [number, number, 'bs' | 'ar', { n_samples?: number; n_ar_confidence?: number }, string,
    readonly (readonly [number, number | null, number | null, number | null])[]])[];
  readonly holes: readonly (readonly [number, string])[];
  readonly long: readonly (readonly [number, number])[];
  readonly shifted: readonly number[];
  readonly moved: readonly (readonly [words: number, changes: number, moves: number, score: number])[];
}

const expected = fixture<Fixture>('sacrebleu.json.gz');
const rng = new Random(20261122);
const pairs = Array.from({ length: expected.pairs }, (_, i) => pair(rng, [1, 1, 2, 3, 4][Math.floor(i / expected.corpus) % 5]!));

const NAMES: Readonly<Record<string, string>> = {
  tokenize: 'tokenizer', smooth_method: 'smoothing', smooth_value: 'smoothingValue', effective_order: 'effectiveOrder',
  max_ngram_order: 'maxOrder', word_order: 'wordOrder', char_order: 'charOrder', eps_smoothing: 'epsSmoothing',
  no_punct: 'noPunct', asian_support: 'asianSupport', case_sensitive: 'caseSensitive',
};
const named = (options: Config[1]): BleuOptions & ChrfOptions & TerOptions =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [NAMES[name] ?? name, value]));

function run([kind, options]: Config, hypotheses: readonly string[], references: References, resamples = 0): CorpusScore {
  const given = { ...named(options), resamples };
  return kind === 'bleu' ? bleu(hypotheses, references, given) : kind === 'chrf' ? chrf(hypotheses, references, given) : ter(hypotheses, references, given);
}

function metricOf([kind, options]: Config): CorpusMetric {
  return kind === 'bleu' ? new Bleu(named(options)) : kind === 'chrf' ? new Chrf(named(options)) : new Ter(named(options));
}

function corpusOf(number: number): { hypotheses: readonly string[]; references: References } {
  const part = pairs.slice(number * expected.corpus, (number + 1) * expected.corpus);
  return { hypotheses: part.map((p) => p.hypothesis), references: part.map((p) => p.references) };
}

test('both sides made the same texts', () => {
  const all = pairs.map(({ hypothesis, references }) => [hypothesis, ...references].join('\x01')).join('\x00');
  expect(createHash('sha256').update(all).digest('hex')).toBe(expected.digest);
});

describe('sentences', () => {
  const scores = doubles('sacrebleu-sentences.f64.gz');
  test.each(expected.configs.map((config, i) => [config[0], JSON.stringify(config[1]), i] as const))('%s %s', (_kind, _options, i) => {
    const config = expected.configs[i]!;
    const metric = metricOf(config);
    const statistics = metric.statistics({ answers: pairs.map((p) => p.hypothesis), references: pairs.map((p) => p.references), count: 'var' });
    const wrong = pairs.flatMap((p, row) => {
      const mine = metric.score(statistics.subarray(row * metric.width, (row + 1) * metric.width), 'exact').score;
      const theirs = scores[i * pairs.length + row]!;
      return mine === theirs ? [] : [{ row, mine, theirs, pair: p }];
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });
});

test('corpora, their signatures and the printed line', () => {
  expected.corpora.forEach(([score, signature, short, line], i) => {
    const number = Math.floor(i / expected.configs.length);
    if (number % 3 !== 0) return; // a third of them: the sentences above were all of them already
    const { hypotheses, references } = corpusOf(number);
    const mine = run(expected.configs[i % expected.configs.length]!, hypotheses, references);
    expect([mine.score, mine.signature, mine.shortSignature]).toEqual([score, signature, short]);
    // sacreBLEU's format leaves the signature out when none is given.
    expect(formatScore({ ...mine, signature: '' }, 2).replace('| = ', ' = ')).toBe(line);
  });
});

test('bootstrap intervals', () => {
  expect(expected.resampled.length).toBeGreaterThan(50);
  for (const [number, config, mean, halfWidth, signature, line] of expected.resampled) {
    const { hypotheses, references } = corpusOf(number);
    const mine = run(expected.configs[config]!, hypotheses, references, 1000);
    expect({ number, config, mean: mine.interval!.mean, halfWidth: mine.interval!.halfWidth, signature: mine.signature })
      .toEqual({ number, config, mean, halfWidth, signature });
    expect(formatScore({ ...mine, signature: '' }, 3).replace('| = ', ' = ')).toBe(line);
  }
});

test('paired tests', () => {
  for (const [number, config, kind, extra, signature, results] of expected.paired) {
    if (number % 24 !== 0) continue; // two corpora of four, to be quick
    const { hypotheses, references } = corpusOf(number);
    const others = new Random(number + 7);
    const systems = [{ name: 'a', hypotheses }, ...['b', 'c'].map((name) => ({ name, hypotheses: hypotheses.map((h) => change(others, h, 0)) }))];
    const mine = pairedTest(systems, references, [metricOf(expected.configs[config]!)], {
      test: kind, ...(extra.n_samples ? { samples: extra.n_samples } : {}), ...(extra.n_ar_confidence ? { resamples: extra.n_ar_confidence } : {}),
    });
    expect({ number, config, kind, results: mine.map((r) => [r.score, r.p ?? null, r.interval?.mean ?? null, r.interval?.halfWidth ?? null]) })
      .toEqual({ number, config, kind, results });
    expect(mine[0]!.signature).toBe(signature);
  }
});

test('a varying number of references', () => {
  const part = pairs.slice(-expected.corpus);
  const references = part.map((p, i) => p.references.slice(0, 2).filter((_, k) => k === 0 || (i + k) % 3 !== 0));
  expect(expected.configs.map((config) => {
    const { score, signature } = run(config, part.map((p) => p.hypothesis), references);
    return [score, signature];
  })).toEqual(expected.holes);
});

test('ten thousand words, and long shifts', () => {
  const long = new Random(99);
  const [hypothesis, reference] = longPair(long, 10000, 300);
  for (const [i, score] of expected.long) {
    expect(run(expected.configs[i]!, [i === 14 ? reference : hypothesis], [reference]).score).toBe(score);
  }
  const mine = [150, 300].flatMap((words) => {
    const [changed, first] = longPair(long, words, words / 10);
    const half = changed.split(' ');
    const cut = Math.floor(words / 3);
    const turned = [...half.slice(cut), ...half.slice(0, cut)].join(' ');
    return [
      ter([turned], [first]).score, ter([half.slice(0, Math.floor(words / 7)).join(' ')], [first]).score,
      ter([first], [half.slice(0, Math.floor(words / 9)).join(' ')]).score,
    ];
  });
  expect(mine).toEqual(expected.shifted.slice(0, mine.length)); // the third size takes seconds
});

test('TER of ten thousand words that differ, with phrases to shift', () => {
  expect(expected.moved.map(([words, changes, moves]) => {
    const [hypothesis, reference] = movedPair(new Random(100), words, changes, moves);
    return [words, changes, moves, ter([hypothesis], [reference]).score];
  })).toEqual(expected.moved);
}, 30_000); // the reference takes a quarter of an hour

test('wrong arguments are named', () => {
  expect(() => bleu(['a'], [])).toThrow(/references: expected as many as hypotheses \(1\), got number 0/);
  expect(() => bleu([], [])).toThrow(/hypotheses: expected at least one text/);
  expect(() => bleu(['a', 'b', 'c'], [['a', 'b', 'c'], ['a', 'b', 'c']])).toThrow(/whole streams/);
  expect(() => bleu(['a'], [[]])).toThrow(/references\[0\]: expected at least one text/);
  expect(() => chrf(['a', null as unknown as string], ['a', 'b'])).toThrow(/hypotheses\[1\]: expected a text, got null/);
  expect(() => bleu(['a'], ['b'], { tokenizer: '13b' as '13a' })).toThrow(/tokenizer: expected one of 13a, intl/);
  expect(() => ter(['a'], ['b'], { resamples: 1 })).toThrow(/resamples: expected 0, or/);
});
