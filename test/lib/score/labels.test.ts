// Label, entity and probability scores against scikit-learn 1.9.1 and seqeval, bit for bit.
import { brierScore, calibration, classification, entityScores, logLoss } from '../../../lib/score/index.js';
import type { Rates, TagScheme } from '../../../lib/score/index.js';
import { fixture } from './fixtures.js';
import { Random } from './texts.js';

type Number4 = readonly [number | null, number | null, number | null];
interface Fixture {
  readonly labels: readonly unknown[];
  readonly tags: readonly unknown[];
  readonly probabilities: readonly (readonly [number, number, number, number, readonly (readonly [number, number, number])[], number])[];
}
const expected = fixture<Fixture>('labels.json.gz');
const plain = (value: number): number | null => Number.isNaN(value) ? null : value;
const three = ({ precision, recall, f1 }: Rates): Number4 => [plain(precision), plain(recall), plain(f1)];

test('a thousand sets of labels', () => {
  const rng = new Random(33);
  const mine = expected.labels.map((_, row) => {
    const classes = rng.below(3) ? 1 + rng.below(4) : 1 + rng.below(30);
    const count = 1 + rng.below(60);
    const text = rng.below(2);
    const name = (k: number): string | number => text ? `c${k}` : k;
    const truth = Array.from({ length: count }, () => name(rng.below(classes)));
    const predicted = truth.map((label) => rng.below(2) ? label : name(rng.below(classes + 1)));
    const zero = rng.below(3);
    const beta = [1, 1, 0.5, 2][rng.below(4)]!;
    const subset = rng.below(4) === 0;
    const labels: (string | number)[] = [];
    for (let k = classes - 1; subset && k >= 0; k -= 2) labels.push(name(k));
    const report = classification(truth, predicted, { zeroDivision: zero === 2 ? NaN : zero, beta, ...(subset ? { labels } : {}) });
    const perClass = [...[0, 1, 2].map((i) => report.perClass.map((rates) => three(rates)[i]!)), report.perClass.map((rates) => rates.support)];
    const refused = (expected.labels[row] as unknown[])[6] === null; // scikit-learn gives no matrix when none of the labels occurs
    return [report.accuracy, report.mcc, perClass, three(report.micro), three(report.macro), three(report.weighted), refused ? null : report.confusion];
  });
  expect(mine.length).toBe(1000);
  mine.forEach((report, row) => expect([row, report]).toEqual([row, expected.labels[row]]));
});

test('twelve hundred sets of tags, lenient and strict', () => {
  const rng = new Random(34);
  const letters: Readonly<Record<TagScheme, string>> = { IOB1: 'IOB', IOE1: 'IOE', IOB2: 'IOB', IOE2: 'IOE', IOBES: 'IOBES', BILOU: 'BILOU' };
  const schemes = Object.keys(letters) as TagScheme[];
  expect(expected.tags.length).toBe(1200);
  expected.tags.forEach((answer, i) => {
    const scheme = schemes[i % 6]!;
    const sentence = (length: number): string[] => {
      let kind = 'PER';
      return Array.from({ length }, () => {
        if (rng.below(3) === 0) kind = rng.pick(['PER', 'LOC', 'ORG-X', '']);
        const letter = letters[scheme][rng.below(letters[scheme].length)]!;
        return letter === 'O' ? 'O' : letter + (kind ? `-${kind}` : '');
      });
    };
    const truth: string[][] = [];
    for (let left = 1 + rng.below(5); left > 0; left--) truth.push(sentence(rng.below(12)));
    truth.push(['O']);
    const predicted = truth.map((tags) => sentence(tags.length).map((other, j) => rng.below(3) ? tags[j]! : other));
    const zeroDivision = rng.below(2) as 0 | 1;
    const reports = [entityScores(truth, predicted, { zeroDivision }), entityScores(truth, predicted, { zeroDivision, scheme })];
    const mine = [reports[0]!.accuracy, ...reports.flatMap((report) => [
      [...[0, 1, 2].map((k) => report.perType.map((rates) => three(rates)[k]!)), report.perType.map((rates) => rates.support)],
      ...[report.micro, report.macro, report.weighted].map((rates) => [...three(rates), rates.support]),
    ])];
    expect([i, mine]).toEqual([i, answer]);
  });
});

test('log loss, Brier score and calibration', () => {
  const rng = new Random(35);
  expected.probabilities.forEach((answer, i) => {
    const classes = 2 + rng.below(10);
    const count = 1 + rng.below(50);
    const rows: number[][] = [];
    const truth: number[] = [];
    for (let n = 0; n < count; n++) {
      let weights = Array.from({ length: classes }, () => 1 + rng.below(1000));
      if (rng.below(10) === 0) {
        const one = rng.below(classes);
        weights = weights.map((_, k) => k === one ? 1 : 0);
      }
      const total = weights.reduce((sum, w) => sum + w, 0);
      rows.push(weights.map((w) => w / total));
      truth.push(rng.below(classes));
    }
    const edges = rows.map(([p]) => {
      const k = rng.below(11);
      return rng.below(5) === 0 ? k / 10 : p!;
    });
    const right = edges.map((p) => rng.below(1000) < 1000 * p);
    const { ece, bins } = calibration(edges, right, 1 + rng.below(20));
    const yes = right.map(Number);
    expect([i, logLoss(rows, truth), brierScore(rows, truth), logLoss(edges, yes), brierScore(edges, yes),
      bins.map((bin) => [bin.count, bin.accuracy, bin.confidence]), ece]).toEqual([i, ...answer]);
  });
});

test('wrong arguments are named', () => {
  expect(() => classification(['a'], [])).toThrow(/predicted: expected as many as truth \(1\)/);
  expect(() => classification(['a'], [1])).toThrow(/labels: expected labels of one type/);
  expect(() => entityScores([['B-X']], [['B-X', 'O']])).toThrow(/predicted\[0\]: expected as many/);
  expect(() => entityScores([['E-X']], [['O']], { scheme: 'IOB2' })).toThrow(/tags\[0\]: expected a tag of IOB2 \(I, O, B\), got "E-X"/);
  expect(() => logLoss([[0.5, 0.6], [1.2, 0]], [0, 1])).toThrow(/probabilities\[1\]\[0\]: expected a probability/);
  expect(() => brierScore([[0.5, 0.5]], [2])).toThrow(/classes\[0\]: expected a class from 0 to 1/);
});
