// Decontamination, diversity and the bias scan.
import { BiasScan, wilson } from '../../../lib/curate/bias.js';
import { Decontaminator } from '../../../lib/curate/decontaminate.js';
import { DiversityMeter, eigenvalues, vendiScore } from '../../../lib/curate/diversity.js';
import { Random } from '../../support/random.js';

const EVALUATION = 'Natalia sold clips to forty-eight of her friends in April, and then she sold half as many clips in May. How many clips did she sell in all?';

describe('decontamination', () => {
  const index = new Decontaminator();
  index.add({ set: 'gsm8k', row: 7, text: EVALUATION });
  index.add({ set: 'gsm8k', row: 8, text: 'Too short.' });

  test('a copy inside other text is found, with both texts', () => {
    const hit = index.check(`Solve this. ${EVALUATION.toUpperCase().replace(/,/g, ' ;')} Think well.`)!;
    expect(hit).toMatchObject({ set: 'gsm8k', row: 7, evaluation: EVALUATION, share: 1 });
    expect(hit.words).toBe(29);
    expect(index.tooShort).toBe(1);
  });

  test('thirteen words are enough, twelve are not', () => {
    const words = EVALUATION.replace(/[^A-Za-z ]/g, ' ').split(/ +/);
    expect(index.check(`x ${words.slice(0, 13).join(' ')} y`)?.words).toBe(13);
    expect(index.check(`x ${words.slice(0, 12).join(' ')} y`)).toBeUndefined();
  });

  test('runs of eight need a common piece of some length', () => {
    const strict = new Decontaminator({ mode: '8-gram-lcs' });
    strict.add({ set: 'gsm8k', row: 7, text: EVALUATION });
    const words = EVALUATION.replace(/[^A-Za-z ]/g, ' ').split(/ +/);
    expect(strict.check(words.slice(0, 9).join(' '))).toBeUndefined();
    expect(strict.check(words.slice(0, 20).join(' '))?.share).toBeGreaterThan(0.6);
  });

  test('a phrase of many evaluation rows is their template', () => {
    const many = new Decontaminator();
    const template = 'You are given a question below and you have to choose the one right answer of the four';
    for (let row = 0; row < 30; row++) many.add({ set: 'quiz', row, text: `${template}: what is the colour of stone number ${row} in the great hall of the king of mountain ${row}?` });
    expect(many.check(template)).toBeUndefined();
    expect(many.check('what is the colour of stone number 12 in the great hall of the king of mountain 12')?.row).toBe(12);
  });

  test('what many training rows say proves nothing, nor does a word or two behind it', () => {
    const system = 'You are a careful assistant who thinks step by step and then writes the answer on a line of its own.';
    const few = new Decontaminator();
    few.add({ set: 'valid', row: 1, text: `${system} ${EVALUATION}` });
    few.add({ set: 'valid', row: 2, text: `${system} What is two?` });
    const training = (row: number): string => `${system} Natalia sold ${row} cakes.`;
    expect(few.check(training(1))?.row).toBe(1);
    few.learnCommon(Array.from({ length: 40 }, (_, row) => training(row)));
    expect(few.check(training(1))).toBeUndefined();
    expect(few.check(`${system} ${EVALUATION}`)?.row).toBe(1);
    expect(few.tooShort).toBe(1);
  });

  test('a row that holds text of several evaluation rows names each once', () => {
    const two = new Decontaminator();
    const other = 'The quick brown fox jumps over the lazy dog and then runs back into the deep dark forest again.';
    two.add({ set: 'a', row: 1, text: EVALUATION });
    two.add({ set: 'a', row: 2, text: other });
    expect(two.hits(`${other} ${EVALUATION} ${other}`).map(({ row, share }) => [row, share])).toEqual([[1, 1], [2, 1]]);
  });

  test('a long text against itself takes a moment only', () => {
    const long = Array.from({ length: 60_000 }, (_, i) => `w${i}`).join(' ');
    const index = new Decontaminator();
    index.add({ set: 'book', row: 1, text: long });
    const began = performance.now();
    expect(index.check(long)?.words).toBe(60_000);
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

describe('diversity', () => {
  test('equal rows count as one, rows that share nothing as many', () => {
    expect(vendiScore(Array.from({ length: 20 }, () => ['a', 'b', 'c']))).toBeCloseTo(1, 6);
    expect(vendiScore(Array.from({ length: 20 }, (_, row) => [`a${row}`, `b${row}`]))).toBeCloseTo(20, 6);
  });

  test('eigenvalues of a known matrix', () => {
    const found = eigenvalues([[2, 1, 0], [1, 2, 1], [0, 1, 2]].map((row) => Float64Array.from(row)));
    expect([...found].sort((a, b) => a - b).map((value) => value.toFixed(9))).toEqual([2 - Math.SQRT2, 2, 2 + Math.SQRT2].map((value) => value.toFixed(9)));
  });

  test('distinct words and entropy by hand; a warning when rows are alike', () => {
    const meter = new DiversityMeter();
    for (let row = 0; row < 40; row++) meter.add('to be or not to be');
    const result = meter.result();
    expect(result.distinct[0]).toBeCloseTo(4 / 240, 12);
    expect(result.distinct[1]).toBeCloseTo(4 / 200, 12);
    expect(result.entropy[0]).toBeCloseTo(2 * (1 / 3) * Math.log2(3) + 2 * (1 / 6) * Math.log2(6), 12);
    expect(result.warnings).toHaveLength(1);
    expect(result.vendi.score).toBeCloseTo(1, 6);
  });
});

describe('bias', () => {
  const random = new Random(3);
  const pick = (words: readonly string[]): string => words[random.integer(0, words.length)]!;
  const scan = (skew: number): BiasScan => {
    const bias = new BiasScan();
    for (let i = 0; i < 3000; i++) {
      const woman = random.uniform() < 0.5;
      const job = random.uniform() < (woman ? 0.1 + skew : 0.1) ? 'nurse' : pick(['doctor', 'teacher', 'lawyer', 'pilot', 'cook', 'farmer', 'artist', 'writer']);
      bias.add(`Yesterday ${woman ? 'she' : 'he'} met the ${job} of the town.`);
    }
    return bias;
  };

  test('a planted association is found with its direction, and its interval leaves out 0', () => {
    const { associations, groups } = scan(0.15).result();
    const nurse = associations.find(({ group, target }) => group === 'women' && target === 'nurse')!;
    expect(nurse.logOdds).toBeGreaterThan(0.5);
    expect(nurse.interval[0]).toBeGreaterThan(0);
    expect(nurse.q).toBeLessThan(0.05);
    expect(associations.find(({ group, target }) => group === 'men' && target === 'nurse')!.logOdds).toBeLessThan(-0.5);
    expect(groups.map(({ group }) => group).sort()).toEqual(['men', 'women']);
  });

  test('without one hardly anything is reported, over twenty corpora', () => {
    const reported = Array.from({ length: 20 }, () => scan(0).result()).filter(({ associations }) => associations.length > 0).length;
    expect(reported).toBeLessThanOrEqual(4);
  });

  test('the interval of a share', () => {
    const [low, high] = wilson(5, 10);
    expect(low).toBeCloseTo(0.2366, 3);
    expect(high).toBeCloseTo(0.7634, 3);
  });
});
