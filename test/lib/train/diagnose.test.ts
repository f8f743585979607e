// The doctor's rules on curves made by hand, what it does by itself, and the configuration that it writes.
import { parse } from 'yaml';
import type { TrainEvent, ValidationEvent, Verdict } from '../../../lib/track/events.js';
import { checkConfig } from '../../../lib/train/config/parse.js';
import { diagnose } from '../../../lib/train/diagnose.js';
import { Look } from '../../../lib/train/diagnose-look.js';
import { Doctor } from '../../../lib/train/doctor.js';
import { nextRun } from '../../../lib/train/next-run.js';
import { remediesFor } from '../../../lib/train/remedies.js';

interface At {
  readonly valid: number;
  readonly probe: number;
  /** Of losses; changes in pairs are five times surer. */
  readonly error?: number;
  readonly spread?: readonly [share: number, low: number, high: number, separation: number];
  readonly overlap?: ValidationEvent['overlap'];
}

const STEPS = 100;

/** Events of a run with a validation every ten updates; losses of updates follow the probe unless given. */
function events(course: readonly At[], options: { readonly losses?: (step: number) => number; readonly lr?: (step: number) => number } = {}): TrainEvent[] {
  const out: TrainEvent[] = [];
  const lr = options.lr ?? ((step: number) => 1e-3 * (1 - (step - 1) / STEPS));
  const sd = (at: At): number => at.error ?? 0.05;
  course.forEach((at, k) => {
    if (k > 0) {
      for (let step = 10 * (k - 1) + 1; step <= 10 * k; step++) {
        const part = (step - 10 * (k - 1)) / 10;
        const loss = options.losses?.(step) ?? course[k - 1]!.probe * (1 - part) + at.probe * part;
        out.push({
          type: 'step', step, steps: STEPS, epoch: step / 50, loss, lr: lr(step), gradNorm: 1, tokens: 500, scored: 400, tokensPerSecond: 1, scoredPerSecond: 1, seconds: 1, eta: 1,
        });
      }
    }
    const best = Math.min(...course.slice(1, k).map(({ valid }) => valid), Infinity);
    const since = (value: number, before: number) => ({ value: value - before, standardError: sd(at) / 5 });
    const [share, low, high, separation] = at.spread ?? [0.4, 0.8 * at.probe, 1.2 * at.probe, 1];
    const spread = { share, low, high, separation, quantiles: [] };
    out.push({
      type: 'validation', step: 10 * k, loss: at.valid, perplexity: 1, accuracy: 0.5, tokens: 1000, seconds: 1, best: k > 0 && at.valid < best, standardError: sd(at), rows: 96,
      probe: { loss: at.probe, standardError: sd(at), accuracy: 0.5, tokens: 1000, rows: 96, spread, validSpread: spread },
      gap: { value: at.valid - at.probe, standardError: 1.4 * sd(at) },
      ...(k === 0 ? {} : {
        changes: {
          valid: { base: since(at.valid, course[0]!.valid), last: since(at.valid, course[k - 1]!.valid), best: best === Infinity ? { value: 0, standardError: 0 } : since(at.valid, best) },
          probe: { base: since(at.probe, course[0]!.probe), last: since(at.probe, course[k - 1]!.probe) },
        },
      }),
      ...(at.overlap === undefined ? {} : { overlap: at.overlap }),
    });
  });
  return out;
}

function verdicts(all: readonly TrainEvent[], ended = true): Verdict[] {
  const look = new Look();
  for (const event of all) look.event(event);
  return diagnose(look, ended).map(({ verdict }) => verdict);
}

/** Falls from 3 towards `floor`, fast at first. */
const fall = (floor: number, k: number): number => floor + (3 - floor) * Math.exp(-0.6 * k);
const course = (valid: (k: number) => number, probe: (k: number) => number, more: (k: number) => Partial<At> = () => ({})): At[] =>
  Array.from({ length: 11 }, (_, k) => ({ valid: valid(k), probe: probe(k), ...more(k) }));
const HEALTHY = course((k) => fall(1, k), (k) => fall(0.95, k));

test('a run that learns what carries over is healthy', () => {
  expect(verdicts(events(HEALTHY))).toEqual([]);
  expect(verdicts(events(HEALTHY.slice(0, 4)), false)).toEqual([]);
});

test('overfitting: the probe goes on falling, validation does not', () => {
  const fitted = course((k) => fall(1.2, k) + 0.02 * k, (k) => fall(0.05, k));
  expect(verdicts(events(fitted))).toEqual(['overfitting']);
  // Long before that, a gap that opens while validation still falls quickly is none.
  expect(verdicts(events(fitted.slice(0, 3)), false)).toEqual([]);
});

test('a gap that the base model has too is one of difficulty, not overfitting', () => {
  expect(verdicts(events(course((k) => 1.5 * fall(1, k), (k) => fall(1, k))))).toEqual([]);
  // And a gap within chance is none, however large.
  expect(verdicts(events(course((k) => fall(1.4, k), (k) => fall(0.9, k), () => ({ error: 0.3 }))))).toEqual([]);
});

test('underfitting: next to nothing learned, or stopped while still learning', () => {
  expect(verdicts(events(course((k) => 3 - 0.01 * k, (k) => 3 - 0.01 * k, () => ({ error: 0.01 })), { lr: () => 1e-6 }), false)).toEqual(['underfitting']);
  const early = events(course((k) => 3 - 0.15 * k, (k) => 3 - 0.15 * k), { lr: () => 1e-4 });
  expect(verdicts(early)).toEqual(['underfitting']);
  expect(verdicts(early, false)).toEqual([]);
});

test('a schedule that ends does not look as if learning had', () => {
  // The same fall for the rate spent, at a rate that goes to 0: it has stopped because the rate has.
  const spent = (k: number): number => 1 - (1 - k / 10) ** 2;
  expect(verdicts(events(course((k) => 3 - spent(k), (k) => 3 - spent(k))))).toEqual(['underfitting']);
});

test('unstable: updates that leap back, a probe that rises', () => {
  expect(verdicts(events(HEALTHY, { losses: (step) => (step === 40 || step === 70 ? 6 : 1.2) }))).toEqual(['unstable']);
  expect(verdicts(events(HEALTHY, { losses: (step) => (step === 40 ? 2 : 1.2) }))).toEqual([]);
  expect(verdicts(events(HEALTHY, { losses: (step) => (step === 40 ? NaN : 1.2) }))).toEqual(['unstable']);
  const risen = HEALTHY.map((at, k) => (k === 6 ? { valid: at.valid + 0.9, probe: at.probe + 0.9 } : at));
  expect(verdicts(events(risen))).toContain('unstable');
});

test('label noise: a group of rows that keeps a high loss', () => {
  const noisy = course((k) => fall(1.3, k), (k) => fall(1.25, k), (k) => (k > 3 ? { spread: [0.25, 0.6, 2.8, 4] as const } : {}));
  expect(verdicts(events(noisy))[0]).toBe('label noise');
  // Seen once is chance; two groups that are both low are easy and easier rows.
  expect(verdicts(events(noisy.map((at, k) => (k === 10 ? at : { valid: at.valid, probe: at.probe }))))).toEqual([]);
  expect(verdicts(events(course((k) => fall(0.1, k), (k) => fall(0.1, k), () => ({ spread: [0.2, 0.01, 0.3, 4] as const }))))).toEqual([]);
});

test('leakage: rows of both sets, or validation far easier than chance and the base model allow', () => {
  const overlap = (same: number, near: number) => HEALTHY.map((at, k) => (k === 0 ? { ...at, overlap: { rows: 96, same, near } } : at));
  expect(verdicts(events(overlap(5, 0)))).toEqual(['leakage suspected']);
  expect(verdicts(events(overlap(0, 20)))).toEqual(['leakage suspected']);
  expect(verdicts(events(overlap(1, 3)))).toEqual([]);
  expect(verdicts(events(course((k) => fall(0.3, k), (k) => fall(1.2, k))))).toContain('leakage suspected');
  expect(verdicts(events(course((k) => 0.6 * fall(1, k), (k) => fall(1, k))))).toEqual([]);
});

const config = (more: object = {}) => checkConfig({ model: 'm', data: { train: 'a.jsonl', valid: 'b.jsonl' }, train: { epochs: 2, clip: 0 }, doctor: { auto: true }, ...more });
const NOW = { learningRate: 1e-3, weightDecay: 0, dropout: 0, clip: 0 };

function follow(doctor: Doctor, all: readonly TrainEvent[]) {
  const orders: { readonly step: number; readonly applied: readonly string[]; readonly stop: boolean }[] = [];
  for (const event of all) {
    doctor.event(event);
    if (event.type !== 'validation' || event.step === 0) continue;
    const found = doctor.judge(NOW);
    if (found.orders.applied.length > 0) orders.push({ step: event.step, applied: found.orders.applied, stop: found.orders.stop ?? false });
    doctor.event(found.diagnosis);
  }
  return orders;
}

const FITTED = course((k) => fall(1.2, k) + 0.02 * k, (k) => fall(0.05, k));

test('by itself: overfitting is held back first, and stopped the second time in a row', () => {
  const orders = follow(new Doctor(config()), events(FITTED));
  expect(orders[0]!.applied).toEqual(['lora.dropout = 0.1', 'train.weightDecay = 0.05', 'train.learningRate = 0.0005']);
  expect(orders[1]).toEqual({ step: orders[0]!.step + 10, applied: ['stopped'], stop: true });
});

test('by itself: an unstable run gets a quarter of the rate and clipping, once for each new trouble', () => {
  const orders = follow(new Doctor(config()), events(HEALTHY, { losses: (step) => (step === 41 || step === 42 || step === 71 ? 6 : 1.2) }));
  expect(orders).toEqual([50, 80].map((step) => ({ step, applied: ['train.learningRate = 0.00025', 'train.clip = 1'], stop: false })));
});

test('by itself: a run that gains nothing gets ten times the rate, once', () => {
  const flat = course((k) => 3 - 0.001 * k, (k) => 3 - 0.001 * k, () => ({ error: 0.001 }));
  expect(follow(new Doctor(config()), events(flat, { lr: () => 1e-6 }))).toEqual([{ step: 50, applied: ['train.learningRate = 0.01'], stop: false }]);
});

test('without doctor.auto nothing is done', () => {
  expect(follow(new Doctor(config({ doctor: {} })), events(FITTED))).toEqual([]);
});

test('going on from saved events equals not having stopped', () => {
  const all = events(FITTED);
  const [whole, resumed] = [new Doctor(config()), new Doctor(config())];
  const history: TrainEvent[] = [];
  for (const event of all) {
    whole.event(event);
    history.push(event);
    if (event.type !== 'validation' || event.step === 0) continue;
    const { diagnosis } = whole.judge(NOW);
    whole.event(diagnosis);
    history.push(diagnosis);
  }
  for (const event of history) resumed.event(JSON.parse(JSON.stringify(event)) as TrainEvent);
  expect(resumed.conclude(NOW)).toEqual(JSON.parse(JSON.stringify(whole.conclude(NOW))));
  expect(whole.conclude(NOW).verdict).toBe('overfitting');
});

test.each<[Verdict, RegExp]>([
  ['overfitting', /stop.*dropout.*decay.*lower learning rate.*more rows.*smaller adapter/s],
  ['underfitting', /more updates.*higher learning rate.*higher rank/s],
  ['unstable', /lower learning rate.*clip.*warm-up.*larger updates/s],
  ['label noise', /mislabels\.jsonl.*smoothing.*stop/s],
  ['leakage suspected', /remove the validation rows/],
])('%s has its remedies in order', (verdict, order) => {
  expect(remediesFor(verdict, config(), NOW, 0.2).map(({ what }) => what).join('\n')).toMatch(order);
});

test('next-run.yaml is a configuration that can be trained, with the remedies in it and the reasons above', () => {
  const doctor = new Doctor(config());
  follow(doctor, events(FITTED));
  const text = nextRun(config(), doctor.conclude(NOW));
  expect(text).toMatch(/^# The run in runs\/whetstone was found: overfitting\.\n# {3}validation loss less train probe loss/);
  expect(text).toContain('# To be done by hand: more rows');
  const next = checkConfig(parse(text));
  expect(next).toMatchObject({ output: 'runs/whetstone-next', lora: { dropout: 0.1, r: 8, alpha: 16 }, train: { weightDecay: 0.05, learningRate: 5e-4, earlyStopping: { patience: 2 } } });
});
