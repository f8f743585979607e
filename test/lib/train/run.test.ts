// The loop and the Run over a session without an engine: what is sent in which order, exact losses, cadences, early
// stopping, steering, failures.
import { Run } from '../../../lib/train/run.js';
import type { RunOptions, Stage } from '../../../lib/train/run.js';
import { Feed } from '../../../lib/train/feed.js';
import { FRESH_STOPPING } from '../../../lib/train/stopping.js';
import type { Job, Progress } from '../../../lib/train/trainer.js';
import type { TrainEvent } from '../../../lib/track/events.js';
import { FakeSession, fakeBatch } from './fake-session.js';

const FRESH: Progress = {
  step: 0, stopping: FRESH_STOPPING, learningRate: 0.5, lastLoss: null, lossSum: 0, weightSum: 0, validLoss: null, seconds: 0,
};

const scored = (loss: number) => ({ value: loss, error: 0, loss, accuracy: 0.5, tokens: 7 });

interface Options extends RunOptions {
  readonly session?: FakeSession;
  readonly batches?: readonly number[][];
  readonly accumulation?: number;
  readonly steps?: number;
  readonly job?: Partial<Job>;
  readonly start?: Progress;
}

function start(options: Options = {}) {
  const session = options.session ?? new FakeSession();
  const batches = options.batches ?? [[1, 2], [3]];
  const saves: Progress[] = [];
  const run = new Run(0.5, async (context) => ({
    job: {
      session, slot: 0, rule: { clip: 0 }, factor: () => 1,
      feed: new Feed({
        report: () => ({ batches: batches.length }),
        * batches({ index }) { for (;; index++) yield { batch: fakeBatch(...batches[index % batches.length]!) }; },
      }, options.accumulation ?? 1, options.start?.step),
      plan: { steps: options.steps ?? 4, validEvery: 1, saveEvery: 2 },
      stopping: { patience: 0, minDelta: 0, better: 'smaller' },
      save: async (progress) => (saves.push(progress), `step-${progress.step}`),
      emit: context.emit, ready: context.ready, control: context.control,
      ...options.job,
    },
    start: options.start ?? FRESH,
    startEvent: { type: 'start', step: 0, steps: 4, model: 'm', device: 'd', dtype: 'f32', parameters: 1, rows: 2, tokens: 3, output: 'out' },
    output: 'out', sinks: [],
    finish: async (outcome) => ({ adapter: 'out/adapter', adapterStep: outcome.progress.step }),
    snapshot: async (folder) => `${folder}: w = ${session.w}`,
    close: () => session.close(),
  } satisfies Stage), options);
  return { run, session, saves };
}

async function collect(run: Run): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

test('a window is one exact mean over its micro-batches, the ragged last one too', async () => {
  const { run, session } = start({ batches: [[1, 2], [3], [10]], accumulation: 2, steps: 2 });
  const events = await collect(run);
  const steps = events.filter((event) => event.type === 'step');
  expect(steps[0]!.loss).toBeCloseTo((0.5 + 2 + 4.5) / 3, 12);
  const w = 0.5 * (6 / 3);
  expect(steps[0]!.gradNorm).toBeCloseTo(2, 12);
  expect(steps[1]!.loss).toBeCloseTo((w - 10) ** 2 / 2, 12);
  expect(session.log).toEqual(['accumulate 1,2', 'accumulate 3', 'update', 'accumulate 10', 'update']);
  expect(steps.map(({ tokens, scored, epoch }) => [tokens, scored, epoch])).toEqual([[3, 3, 2 / 3], [1, 1, 1]]);
});

test('at most two batches lie with the engine, and two do', async () => {
  const session = new FakeSession();
  session.delay = 3;
  const { run } = start({ session, batches: [[1], [2], [3], [4], [5]], accumulation: 5, steps: 1 });
  await run.result;
  expect(session.mostWaiting).toBe(2);
});

test('events come in order, and the result sums up', async () => {
  const { run, session, saves } = start({ steps: 3 });
  const events = await collect(run);
  expect(events.map((event) => event.type)).toEqual(['start', 'step', 'step', 'checkpoint', 'step', 'checkpoint', 'end']);
  expect(saves.map(({ step }) => step)).toEqual([2, 3]);
  const result = await run.result;
  expect(result).toMatchObject({ reason: 'finished', adapter: 'out/adapter', output: 'out', steps: 3, adapterStep: 3, bestStep: null });
  const losses = events.filter((event) => event.type === 'step').map((event) => event.loss);
  expect(result.trainLoss).toBe(losses[2]);
  expect(result.meanTrainLoss).toBeCloseTo((losses[0]! * 2 + losses[1]! + losses[2]! * 2) / 5, 12);
  expect(session.closed).toBe(true);
});

test('validation comes before the first update and when due; the best is saved at once; patience ends the run', async () => {
  const losses = [9, 5, 4, 4.5, 4.4, 1];
  const { run, saves } = start({
    steps: 50,
    job: {
      plan: { steps: 50, validEvery: 2, saveEvery: 100 },
      stopping: { patience: 2, minDelta: 0, better: 'smaller' },
      validation: { measure: async () => scored(losses.shift()!) },
    },
  });
  const events = await collect(run);
  const validations = events.filter((event) => event.type === 'validation');
  expect(validations.map(({ step, loss, best }) => [step, loss, best])).toEqual(
    [[0, 9, false], [2, 5, true], [4, 4, true], [6, 4.5, false], [8, 4.4, false]]);
  expect(saves.map(({ step }) => step)).toEqual([2, 4, 8]);
  expect(await run.result).toMatchObject({ reason: 'early-stop', steps: 8, bestStep: 4, bestValue: 4, validLoss: 4.4 });
});

test('going on from saved progress equals not having stopped', async () => {
  const whole = start({ steps: 6 });
  await whole.run.result;
  const first = start({ steps: 6, batches: [[1, 2], [3]] });
  for await (const event of first.run) if (event.type === 'step' && event.step === 3) first.run.stop();
  expect((await first.run.result).reason).toBe('stopped');
  const second = start({ steps: 6, session: Object.assign(new FakeSession(), { w: first.session.w, updates: 3 }), start: first.saves.at(-1)! });
  const result = await second.run.result;
  const reference = await whole.run.result;
  expect(second.session.w).toBe(whole.session.w);
  expect({ ...result, seconds: 0 }).toEqual({ ...reference, seconds: 0 });
});

test('going on after an early stop does not go on', async () => {
  const { run } = start({
    start: { ...FRESH, step: 3, stopping: { bestValue: 1, bestStep: 1, mark: 1, waited: 2 } },
    job: { stopping: { patience: 2, minDelta: 0, better: 'smaller' } },
  });
  expect(await run.result).toMatchObject({ reason: 'early-stop', steps: 3 });
});

test('pause holds, resume goes on, the learning rate changes at once and is kept', async () => {
  const { run, session, saves } = start({ steps: 5 });
  const seen: string[] = [];
  for await (const event of run) {
    seen.push(event.type);
    if (event.type === 'step' && event.step === 2) run.pause();
    if (event.type === 'paused') {
      const before = session.log.length;
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(session.log.length).toBe(before);
      expect(await run.snapshot('here')).toBe(`here: w = ${session.w}`);
      run.setLearningRate(0);
      run.resume();
    }
    if (event.type === 'step' && event.step > 3) expect(event.lr).toBe(0);
  }
  expect(seen).toContain('resumed');
  expect(saves.at(-1)!.learningRate).toBe(0);
  expect(() => run.setLearningRate(NaN)).toThrow(/at least 0/);
  await expect(run.snapshot()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('cancel ends now, with its reason for everyone, and saves nothing more', async () => {
  const session = new FakeSession();
  session.delay = 2;
  const { run, saves } = start({ session, steps: 500 });
  const reason = new Error('enough');
  const reading = (async () => {
    for await (const event of run) if (event.type === 'step' && event.step === 3) run.cancel(reason);
  })();
  await expect(reading).rejects.toBe(reason);
  await expect(run.result).rejects.toBe(reason);
  expect(saves.every(({ step }) => step <= 2)).toBe(true);
  expect(session.closed).toBe(true);
});

test('a signal that is aborted before the start leaves nothing behind', async () => {
  const { run, session } = start({ signal: AbortSignal.abort() });
  await expect(run.result).rejects.toMatchObject({ name: 'AbortError' });
  expect(session.log).toEqual([]);
});

test('a loss that is not finite is told with its update and the checkpoint that stays', async () => {
  const session = new FakeSession();
  session.failAt = 4;
  const { run, saves } = start({ session, steps: 10 });
  await expect(run.result).rejects.toMatchObject({
    code: 'ERR_NOT_FINITE', message: expect.stringMatching(/^update 4: the loss is not a finite number.*checkpoint of update 2/),
  });
  expect(saves.map(({ step }) => step)).toEqual([2]);
});

test('a sink that throws becomes one warning', async () => {
  class Broken {
    event(): void { throw new Error('no disk'); }
  }
  const events = await collect(start({ sinks: [new Broken()] }).run);
  expect(events.filter((event) => event.type === 'warning')).toEqual([{ type: 'warning', message: 'Broken: no disk' }]);
  expect(events.at(-1)!.type).toBe('end');
});

test('a slow reader holds the run; one that leaves does not', async () => {
  const { run, session } = start({ steps: 3000 });
  let read = 0;
  for await (const event of run) {
    if (event.type === 'start') await new Promise((resolve) => setTimeout(resolve, 400));
    if (++read === 10) {
      expect(session.updates).toBeLessThan(1100);
      break;
    }
  }
  expect((await run.result).steps).toBe(3000);
}, 20_000);
