// A validation: its numbers, what they are compared with, what early stopping may look at, and that a resumed run
// judges as an undisturbed one.
import type { Batch } from '../../../lib/batch.js';
import type { Evaluation, Session } from '../../../lib/engine/types.js';
import type { SequenceSet } from '../../../lib/pack/plan.js';
import { judge, FRESH_STOPPING } from '../../../lib/train/stopping.js';
import { Validation } from '../../../lib/train/validation.js';
import type { ValidationOptions } from '../../../lib/train/validation.js';
import { generator } from '../../support/tiny-model.js';

/** Losses of a token: its number by 100, times what `level` says. */
class Fake {
  level = 1;
  async evaluate({ tokens, labels }: Batch): Promise<Evaluation> {
    return { rowLoss: Float32Array.from(tokens, (token, t) => (labels[t]! < 0 ? 0 : (this.level * token) / 100)), top1: Int32Array.from(tokens) };
  }
}

const random = generator(4);
const rows = (count: number): SequenceSet => {
  const all = Array.from({ length: count }, () => Array.from({ length: 2 + Math.floor(3 * random()) }, () => 50 + Math.floor(300 * random())));
  return {
    length: count, lengthOf: (i) => all[i]!.length,
    get: (i) => ({ tokens: Int32Array.from(all[i]!), labels: Int32Array.from(all[i]!), row: i }),
  };
};
const [valid, probe] = [rows(50), rows(50)];
const signal = new AbortController().signal;

function open(changes: Partial<ValidationOptions> = {}) {
  const fake = new Fake();
  const validation = new Validation({ session: fake as unknown as Session, slot: 0, valid, probe, budget: 64, maxLength: 64, metric: 'validLoss', ...changes });
  return { fake, validation };
}

test('the gap is that of one model, and changes are in pairs', async () => {
  const { fake, validation } = open();
  const first = await validation.measure(0, signal);
  const { gap, probe: measured, changes } = first.details!;
  expect(gap!.value).toBeCloseTo(first.loss - measured!.loss, 12);
  expect(gap!.standardError).toBeCloseTo(Math.hypot(first.details!.standardError!, measured!.standardError), 12);
  expect(changes).toBeUndefined();
  fake.level = 0.9;
  const second = await validation.measure(5, signal);
  expect(second.details!.changes!.valid.base.value).toBeCloseTo(-0.1 * first.loss, 6);
  expect(second.details!.changes!.probe!.last.value).toBeCloseTo(-0.1 * measured!.loss, 6);
  // Pairs know a change of a tenth far better than the loss itself is known.
  expect(second.details!.changes!.valid.base.standardError).toBeLessThan(0.2 * second.details!.standardError!);
});

test.each([
  ['validLoss', 'smaller'], ['validPerplexity', 'smaller'], ['validAccuracy', 'larger'], ['trainLoss', 'smaller'], ['gap', 'smaller'],
  ['validLoss:odd', 'smaller'], ['validAccuracy:odd', 'larger'], ['mine', 'larger'],
])('%s can be what is compared', async (metric, better) => {
  const { validation } = open({
    metric, slicing: { names: ['even', 'odd'], of: (row) => [row % 2] },
    custom: { mine: { better: 'larger', measure: async ({ step }) => ({ value: 10 + step, standardError: 0.5 }) } },
  });
  expect(validation.metric.better).toBe(better);
  const score = await validation.measure(3, signal);
  const { details } = score;
  const expected = {
    validLoss: score.loss, validPerplexity: Math.exp(score.loss), validAccuracy: 1, trainLoss: details!.probe!.loss, gap: details!.gap!.value,
    'validLoss:odd': details!.slices![1]!.loss, 'validAccuracy:odd': 1, mine: 13,
  }[metric];
  expect(score.value).toBe(expected);
  expect(details!.metrics).toEqual({ mine: { value: 13, standardError: 0.5 } });
});

test('a metric that is not there is refused with those that are', () => {
  expect(() => open({ metric: 'bleu' })).toThrow(/there is no metric "bleu" in this run. There are: validLoss, .*gap/);
  const without = { session: {} as Session, slot: 0, valid, budget: 64, maxLength: 64 };
  expect(() => new Validation({ ...without, metric: 'gap' })).toThrow(/There are: validLoss, validPerplexity, validAccuracy$/);
});

test('the error of a gain is that of pairs, and 0 before anything counted', async () => {
  const { fake, validation } = open();
  const first = await validation.measure(1, signal);
  expect(first.error).toBe(0);
  validation.judged(judge(FRESH_STOPPING, 1, first.value, { patience: 1, minDelta: 0, better: 'smaller' }));
  fake.level = 0.9;
  const second = await validation.measure(2, signal);
  expect(second.error).toBeGreaterThan(0);
  expect(second.error).toBeLessThan(0.2 * second.details!.standardError!);
});

test('what it remembers goes through a checkpoint bit for bit', async () => {
  const [one, other] = [open(), open()];
  await one.validation.measure(0, signal);
  one.fake.level = 0.8;
  await one.validation.measure(1, signal);
  one.validation.judged({ improved: true, marked: true });
  other.validation.restore(JSON.parse(JSON.stringify(one.validation.memory())) as ReturnType<Validation['memory']>);
  one.fake.level = other.fake.level = 0.7;
  expect(await other.validation.measure(2, signal)).toEqual(await one.validation.measure(2, signal));
});
