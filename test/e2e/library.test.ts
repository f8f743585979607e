// The library on a real small model: events, an event loop that is never held, steering, exact accumulation, early
// stopping with the best checkpoint, and failures that leave the last checkpoint.
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { train } from '../../lib/index.js';
import type { ConfigInput, StepEvent, TrainEvent } from '../../lib/index.js';
import { haveStories, sha256, STORIES, weightsOf, WHY_SKIPPED, writeRows } from './support.js';

const describeHere = haveStories ? describe : describe.skip;

/** How late each turn of the event loop came, in ms, less the time in which the kernel let others run on our core. */
class LoopWatch {
  readonly #late: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    let [before, waited] = [performance.now(), this.#waited()];
    this.#timer = setInterval(() => {
      const [now, waiting] = [performance.now(), this.#waited()];
      this.#late.push(Math.max(0, now - before - 1 - (waiting - waited)));
      [before, waited] = [now, waiting];
    }, 1);
  }

  stop(): number[] {
    clearInterval(this.#timer);
    return this.#late;
  }

  /** Milliseconds that this thread has waited for a core: the second number of schedstat is in nanoseconds. */
  #waited(): number {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  }
}

describeHere(haveStories ? 'train' : `train (skipped: ${WHY_SKIPPED})`, () => {
  let folder: string;
  let rows: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'whetstone-library-'));
    process.env['XDG_CACHE_HOME'] = folder;
    rows = writeRows(join(folder, 'train.jsonl'), 64);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const config = (name: string, options: ConfigInput['train'] = {}, more: Partial<ConfigInput> = {}): ConfigInput => ({
    model: STORIES, data: { train: rows }, lora: { r: 4 }, output: join(folder, name), device: 'cpu', threads: 1, ...more,
    train: { steps: 10, learningRate: 0.003, batchTokens: 512, ...options },
  });
  async function collect(input: ConfigInput): Promise<TrainEvent[]> {
    const events: TrainEvent[] = [];
    for await (const event of train(input)) events.push(event);
    return events;
  }
  const steps = (events: readonly TrainEvent[]): StepEvent[] => events.filter((event) => event.type === 'step');

  test('the event loop is held for less than 5 ms at the 99th percentile while training', async () => {
    const raw = monitorEventLoopDelay({ resolution: 1 });
    const watch = new LoopWatch();
    for await (const event of train(config('loop', { steps: 120, saveEvery: 10 }))) {
      if (event.type !== 'start') continue;
      raw.enable();
      watch.start();
    }
    raw.disable();
    const held = watch.stop();
    expect(held.length).toBeGreaterThan(200);
    const p99 = held.sort((a, b) => a - b)[Math.floor(held.length * 0.99)]!;
    // What other processes take away is not ours: either measure may prove that we hold the loop for less.
    expect(Math.min(p99, raw.percentile(99) / 1e6)).toBeLessThan(5);
  }, 60_000);

  test('updates do not depend on how a window is cut into micro-batches', async () => {
    const losses = async (name: string, batchTokens: number, accumulation: number): Promise<number[]> =>
      steps(await collect(config(name, { steps: 4, batchTokens, accumulation, shuffle: false, maxLength: 64 }))).map(({ loss }) => loss);
    // 64 rows of 2 lengths never fill batches alike, so whole epochs are compared: all rows in one window.
    const [one, many] = [await losses('one', 8192, 1), await losses('many', 96, 64)];
    one.forEach((loss, i) => expect(many[i]! / loss).toBeCloseTo(1, 5));
  }, 60_000);

  test('pause, another learning rate, a snapshot and the end', async () => {
    const run = train(config('steered', { steps: 12 }));
    let snapshot: Promise<string> | undefined;
    const lrs: number[] = [];
    for await (const event of run) {
      if (event.type === 'step') lrs.push(event.lr);
      if (event.type === 'step' && event.step === 4) run.pause();
      if (event.type === 'paused') {
        snapshot = run.snapshot(join(folder, 'snapshot'));
        await snapshot;
        run.setLearningRate(0);
        run.resume();
      }
    }
    expect(await snapshot).toBe(join(folder, 'snapshot'));
    expect(lrs.filter((lr) => lr === 0)).toHaveLength(12 - lrs.findIndex((lr) => lr === 0));
    expect((await run.result).reason).toBe('finished');
    // With a rate of 0 nothing changes any more: the snapshot is the adapter at the end.
    expect(sha256(join(folder, 'snapshot', 'adapter_model.safetensors'))).toBe(sha256(weightsOf(join(folder, 'steered'))));
  }, 60_000);

  test('early stopping ends the run, and the adapter is the best one', async () => {
    // Learns one half of the rows by heart while the other half, other stories, gets worse.
    const valid = join(folder, 'valid.jsonl');
    const other = 'The moon is far away and very cold, so nobody ever goes there for a walk with an umbrella.';
    writeFileSync(valid, `${JSON.stringify({ text: other })}\n`);
    const events = await collect(config('early', { steps: 400, learningRate: 0.02, validEvery: 2, earlyStopping: { patience: 3 } },
      { data: { train: rows, valid } }));
    const end = events.at(-1);
    if (end?.type !== 'end') throw new Error('no end');
    expect(end.reason).toBe('early-stop');
    const validations = events.filter((event) => event.type === 'validation').filter(({ step }) => step > 0);
    const best = validations.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect(end.adapterStep).toBe(best.step);
    expect(end.step).toBe(best.step + 6);
  }, 60_000);

  test('a folder that cannot be written is an error with advice, not a crash', async () => {
    const events: TrainEvent[] = [];
    const run = train(config('full', { steps: 30, saveEvery: 5 }));
    const reading = (async () => {
      for await (const event of run) {
        events.push(event);
        if (event.type === 'checkpoint') chmodSync(join(folder, 'full', 'checkpoints'), 0o500);
      }
    })();
    if (process.getuid?.() === 0) {
      await reading; // root may write anywhere; what a full disk does is tested with the checkpoints
    } else {
      await expect(reading).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    }
    chmodSync(join(folder, 'full', 'checkpoints'), 0o700);
    expect(readdirSync(join(folder, 'full', 'checkpoints')).length).toBeGreaterThan(0);
  }, 60_000);

  test('a rate that destroys the model ends in a clear error, and the last checkpoint stays', async () => {
    const run = train(config('diverged', { steps: 60, learningRate: 1e30, clip: 0, saveEvery: 1, warmupSteps: 0 }));
    const error = await run.result.then(() => undefined, (reason: unknown) => reason as Error & { code: string });
    expect(error).toMatchObject({ code: 'ERR_NOT_FINITE', message: expect.stringMatching(/^update \d+: .*not a finite number.*train\.learningRate/) });
    const kept = readdirSync(join(folder, 'diverged', 'checkpoints'));
    expect(kept.length).toBeGreaterThan(0);
    expect(readFileSync(join(folder, 'diverged', 'checkpoints', kept[0]!, 'state.json'), 'utf8')).toContain('"step"');
  }, 60_000);

  test('cancelling leaves the checkpoints as they are', async () => {
    const abort = new AbortController();
    const run = train(config('cancelled', { steps: 500, saveEvery: 2 }), { signal: abort.signal });
    const reason = new Error('enough');
    for await (const event of run) {
      if (event.type === 'checkpoint') {
        abort.abort(reason);
        break;
      }
    }
    await expect(run.result).rejects.toBe(reason);
    expect(readdirSync(join(folder, 'cancelled', 'checkpoints'))).toEqual(['checkpoint-2']);
    expect(readdirSync(join(folder, 'cancelled'))).not.toContain('adapter');
  }, 60_000);
});
