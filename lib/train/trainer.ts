// The loop: micro-batches to the engine, one update per window, validation and checkpoints when they are due. It knows
// nothing of files or models; what it needs comes as a Job. The next batch is built while the engine computes.

import type { AdapterSlot, Batch } from '../batch.js';
import { EngineError, isEngineError } from '../errors.js';
import type { Session, SlotLoss, UpdateRule } from '../engine/types.js';
import type { TrainEvent } from '../track/events.js';
import type { Control } from './control.js';
import type { Window, WindowFeed } from './feed.js';
import { Meter } from './meter.js';
import type { Plan } from './plan.js';
import type { Tuned } from './tuning.js';
import { judge } from './stopping.js';
import type { StoppingOptions, StoppingState, StoppingVerdict } from './stopping.js';
import type { Score, ValidationMemory } from './validation.js';

/** Everything about the loop that a checkpoint keeps beside the tensors. JSON. */
export interface Progress {
  /** Updates done. */
  readonly step: number;
  readonly stopping: StoppingState;
  /** Peak learning rate now. */
  readonly learningRate: number;
  /** Loss of the last update, and sums over the whole run. */
  readonly lastLoss: number | null;
  readonly lossSum: number;
  readonly weightSum: number;
  readonly validLoss: number | null;
  /** Seconds spent so far. */
  readonly seconds: number;
  /** What validations are compared with, and what the doctor has changed; kept by whoever made the job. */
  readonly memory?: ValidationMemory;
  readonly tuned?: Tuned;
  /** Where the next update's rows begin, where the number of updates does not say it. */
  readonly data?: unknown;
}

export interface Job {
  readonly session: Session;
  readonly slot: AdapterSlot;
  /** Stands at the first update to come. */
  readonly feed: WindowFeed;
  readonly plan: Plan;
  readonly rule: Omit<UpdateRule, 'slot' | 'lr'>;
  /** Factor of the peak learning rate, by updates done. */
  readonly factor: (step: number) => number;
  readonly stopping: StoppingOptions;
  readonly validation?: {
    measure(step: number, signal: AbortSignal): Promise<Score>;
    /** Told what became of the last measure. */
    judged?(verdict: StoppingVerdict): void;
  };
  /** Looks at the run after each validation; true ends it as early stopping does. */
  readonly examine?: (step: number) => Promise<boolean>;
  /** Told of an update that could not be made because its loss or gradient is no number. */
  readonly diverged?: (step: number) => void;
  /** Called when an epoch is done. */
  readonly epochDone?: (step: number, signal: AbortSignal) => Promise<void>;
  /** Writes a checkpoint and returns its folder. */
  readonly save: (progress: Progress) => Promise<string>;
  readonly emit: (event: TrainEvent) => void;
  /** Resolves when whoever reads the events keeps up. */
  readonly ready: () => Promise<void>;
  readonly control: Control;
}

export interface Outcome {
  readonly reason: 'finished' | 'early-stop' | 'stopped';
  readonly progress: Progress;
}

const now = (): number => performance.now() / 1000;
const later = (): undefined => undefined;

/** Runs from `start` to the end of the plan, an early stop, or `control.stop`; the last state is always saved. */
export async function trainLoop(job: Job, start: Progress): Promise<Outcome> {
  const { plan, control, emit } = job;
  const meter = new Meter();
  const began = now() - start.seconds;
  let progress = start;
  let saved = start.step;
  let early = job.stopping.patience > 0 && start.stopping.waited >= job.stopping.patience;

  const save = async (): Promise<void> => {
    progress = { ...progress, seconds: now() - began };
    const folder = await job.save(progress);
    saved = progress.step;
    emit({ type: 'checkpoint', step: progress.step, folder });
  };

  if (start.step === 0 && job.validation) progress = { ...progress, validLoss: (await validate(job, start, false)).loss };
  let next = early ? undefined : prepare(job, start.step);
  while (next) {
    await job.ready();
    if (!(await control.gate((paused) => emit({ type: paused ? 'paused' : 'resumed', step: progress.step })))) break;
    const stepBegan = now();
    const lr = control.learningRate * job.factor(progress.step);
    const [step, { window }] = [progress.step + 1, next];
    const update: Update = await oneUpdate(job, next, lr, step).catch((error: unknown) => {
      if (isEngineError(error, 'ERR_NOT_FINITE')) job.diverged?.(step);
      throw explain(error, step, saved);
    });
    next = update.next;
    const { epoch, after, realised } = window;
    const seconds = now() - stepBegan;
    const loss = update.lossSum / update.weightSum;
    progress = {
      ...progress, step, lastLoss: loss, learningRate: control.learningRate,
      lossSum: progress.lossSum + update.lossSum, weightSum: progress.weightSum + update.weightSum,
      ...(after === undefined ? {} : { data: after() }),
    };
    emit({
      type: 'step', step, steps: plan.steps, epoch, loss, lr, gradNorm: update.gradNorm,
      tokens: update.tokens, scored: update.scored, seconds, ...meter.note(update.tokens, update.scored, seconds, plan.steps - step),
      ...(realised === undefined ? {} : { mix: realised() }),
    });

    if (Number.isInteger(epoch)) await job.epochDone?.(step, control.signal);
    let [improved, stop] = [false, false];
    if (job.validation && (step % plan.validEvery === 0 || step === plan.steps)) {
      const score = await validate(job, progress, true);
      progress = { ...progress, stopping: score.state, validLoss: score.loss };
      improved = score.improved;
      stop = ((await job.examine?.(step)) ?? false) || score.stop;
      progress = { ...progress, learningRate: control.learningRate };
    }
    if (improved || step % plan.saveEvery === 0 || step === plan.steps) await save();
    early = stop;
    if (early) break;
  }
  if (saved !== progress.step || progress.step === 0) await save();
  const reason = early ? 'early-stop' : progress.step < plan.steps ? 'stopped' : 'finished';
  return { reason, progress: { ...progress, seconds: now() - began } };
}

/** A window whose first batch is built, or on its way. */
interface Prepared {
  readonly window: Window<Batch | Promise<Batch>>;
  readonly first: Batch | Promise<Batch>;
}

function prepare(job: Job, step: number): Prepared | undefined {
  if (step >= job.plan.steps) return undefined;
  const window = job.feed.next();
  const first = window.batches[0]!();
  Promise.resolve(first).catch(later); // looked at when its turn comes
  return { window, first };
}

interface Update {
  readonly next: Prepared | undefined;
  readonly lossSum: number;
  readonly weightSum: number;
  readonly scored: number;
  readonly tokens: number;
  readonly gradNorm: number;
}

/** One window: at most two batches lie with the engine; the next window is prepared while the last one is computed. */
async function oneUpdate(job: Job, { window, first }: Prepared, lr: number, step: number): Promise<Update> {
  const { session, slot, control: { signal } } = job;
  const sum = { lossSum: 0, weightSum: 0, scored: 0, tokens: 0 };
  const add = (losses: readonly SlotLoss[]): void => {
    for (const loss of losses.filter((entry) => entry.slot === slot)) {
      sum.lossSum += loss.lossSum;
      sum.weightSum += loss.weightSum;
      sum.scored += loss.scored;
    }
  };
  try {
    let before: Promise<readonly SlotLoss[]> | undefined;
    for (let i = 0; i < window.batches.length; i++) {
      const batch = await (i === 0 ? first : window.batches[i]!());
      const pending = quiet(session.accumulate(batch, { signal }));
      sum.tokens += batch.tokens.length;
      if (before) add(await before);
      before = pending;
    }
    const update = quiet(session.applyGradients([{ ...job.rule, slot, lr }], { signal }));
    const next = prepare(job, step);
    if (next) Promise.resolve(next.first).then((batch) => session.stage(batch)).catch(later);  // laid out while the device computes
    if (before) add(await before);
    const report = (await update)[0]!;
    return { ...sum, next, gradNorm: report.gradNorm };
  } catch (error) {
    await session.dropGradients().catch(later);
    throw error;
  }
}

/** Its rejection is looked at later, or never if an earlier one came first. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(later);
  return promise;
}

async function validate(job: Job, progress: Progress, counts: boolean) {
  const began = now();
  const { value, error, loss, accuracy, tokens, details } = await job.validation!.measure(progress.step, job.control.signal);
  const verdict = counts ? judge(progress.stopping, progress.step, value, job.stopping, error)
    : { state: progress.stopping, improved: false, marked: false, stop: false };
  job.validation!.judged?.(verdict);
  job.emit({
    type: 'validation', step: progress.step, loss, perplexity: Math.exp(loss), accuracy,
    tokens, seconds: now() - began, best: verdict.improved, ...details,
  });
  return { ...verdict, loss };
}

function explain(error: unknown, step: number, saved: number): unknown {
  if (!isEngineError(error, 'ERR_NOT_FINITE')) return error;
  const kept = saved > 0 ? `The checkpoint of update ${saved} is intact.` : 'Nothing had been saved yet.';
  return new EngineError(
    `update ${step}: the ${error.details.where} is not a finite number, so the update was not made. ${kept} ` +
    'Lower train.learningRate, add a warm-up (train.warmupRatio) or a smaller train.clip, and look at the rows of this update.',
    error.details, { cause: error });
}
