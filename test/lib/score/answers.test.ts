// Short answers, TruthfulQA and pass@k against the scripts of their makers, bit for bit.
import {
  answerF1, exactMatch, normalizeAnswer, passAtK, passAtKOne, squad, squadV2, truthfulMc1, truthfulMc2,
} from '../../../lib/score/index.js';
import { fixture } from './fixtures.js';
import { change, Random, text } from './texts.js';

interface Fixture {
  readonly squads: readonly (readonly [Readonly<Record<string, number>>, readonly Readonly<Record<string, number>>[]])[];
  readonly truthful: readonly (readonly [number, number])[];
  readonly passes: readonly [readonly number[], readonly (readonly number[])[]];
}
const expected = fixture<Fixture>('answers.json.gz');

function answer(rng: Random): string {
  const roll = rng.below(12);
  if (roll === 0) return '';
  if (roll === 1) return rng.pick(['the', 'A', 'an the', '...', '?!', ' ', 'The, a.']);
  const kind = rng.pick([0, 0, 2, 2, 3, 5]);
  return text(rng, kind, 1 + rng.below(6));
}

test('twelve hundred questions of SQuAD 1.1 and 2.0', () => {
  const rng = new Random(71);
  for (const [one, two] of expected.squads) {
    const questions = Array.from({ length: 20 }, (_, i) => {
      const right: string[] = [];
      for (let left = 1 + rng.below(3); left > 0; left--) right.push(answer(rng));
      const given = rng.below(4) === 0 ? answer(rng) : rng.below(2) ? change(rng, right[0]!, 0) : `The ${right.at(-1)!.toUpperCase()}.`;
      return { id: String(i), right, given, none: rng.below(3) === 0, probability: rng.below(11) / 10 };
    });
    const first = squad(questions.map((q) => ({ id: q.id, answers: q.right })),
      questions.filter((q) => q.id !== '7').map((q) => ({ id: q.id, text: q.given })));
    expect({ exact_match: first.exactMatch, f1: first.f1 }).toEqual(one);
    const mine = [1, 0.55].map((threshold) => {
      const { exactMatch: exact, f1, total, hasAnswer, noAnswer, best } = squadV2(
        questions.map((q) => ({ id: q.id, answers: q.none ? [] : q.right })),
        questions.map((q) => ({ id: q.id, text: q.none && q.probability > 0.5 ? '' : q.given, noAnswerProbability: q.probability })), threshold);
      return {
        exact, f1, total,
        ...(hasAnswer ? { HasAns_exact: hasAnswer.exactMatch, HasAns_f1: hasAnswer.f1, HasAns_total: hasAnswer.total } : {}),
        ...(noAnswer ? { NoAns_exact: noAnswer.exactMatch, NoAns_f1: noAnswer.f1, NoAns_total: noAnswer.total } : {}),
        best_exact: best.exactMatch, best_exact_thresh: best.exactThreshold, best_f1: best.f1, best_f1_thresh: best.f1Threshold,
      };
    });
    expect(mine).toEqual(two);
  }
});

test('known answers', () => {
  expect(normalizeAnswer(' The  Cat\u2019s a-hat, an «Été» ')).toBe('cat\u2019s ahat «été»');
  expect(normalizeAnswer('thé étheé a1 a')).toBe('thé étheé a1'); // articles end at letters of any alphabet
  expect([exactMatch('the Eiffel Tower!', ['eiffel tower', 'x']), answerF1('tower of Paris', ['the Eiffel tower'])]).toEqual([1, 0.4]);
  expect([answerF1('the', ['a']), answerF1('the', ['a'], 1)]).toEqual([0, 1]);
  expect(() => squadV2([{ id: 'q', answers: [] }], [])).toThrow(/answers: expected an answer to question "q"/);
  expect(() => squad([{ id: 'q', answers: [] }], [])).toThrow(/belong to squadV2/);
});

test('TruthfulQA mc1 and mc2', () => {
  const rng = new Random(72);
  expect(expected.truthful.map(() => {
    const all: number[] = [];
    for (let left = 2 + rng.below(9); left > 0; left--) all.push(-rng.below(400000) / 10000);
    const split = 1 + rng.below(all.length - 1);
    return [truthfulMc1(all), truthfulMc2(all.slice(0, split), all.slice(split))];
  })).toEqual(expected.truthful);
});

test('pass@k of a thousand problems, and its means', () => {
  const rng = new Random(73);
  expect(expected.passes[0].map(() => {
    const samples = 1 + rng.below(300);
    const correct = rng.below(samples + 1);
    return passAtKOne({ samples, correct }, 1 + rng.below(Math.min(samples, 100)));
  })).toEqual(expected.passes[0]);
  expect(expected.passes[1].map(() => {
    const count = 1 + rng.below(200);
    const totals = Array.from({ length: count }, () => 20 + rng.below(20));
    const problems = totals.map((samples) => ({ samples, correct: rng.below(samples + 1) }));
    return [1, 10, 20].map((k) => passAtK(problems, k));
  })).toEqual(expected.passes[1]);
  expect([passAtK([{ samples: 5, correct: 5 }], 1), passAtK([{ samples: 5, correct: 0 }], 5)]).toEqual([1, 0]);
  expect(() => passAtK([{ samples: 5, correct: 0 }], 10)).toThrow(/problems\[0\]\.samples: expected at least 10 samples/);
});
