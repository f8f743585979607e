// Everything about a run that watches it without being the loop: validation with the train probe, losses of single
// rows, the doctor and what it changes, the check against general text. Made once for a run, asked at its hooks.

import type { AdapterSlot } from '../batch.js';
import type { AdapterOptions, Session } from '../engine/types.js';
import type { PassBatch, Slicing } from '../eval/measure.js';
import type { SequenceSet } from '../pack/plan.js';
import type { EndEvent, TrainEvent } from '../track/events.js';
import type { Metric } from '../track/metrics.js';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config/schema.js';
import type { Control } from './control.js';
import { rowPass } from './data.js';
import { divergence } from '../eval/divergence.js';
import { change, measure } from '../eval/measure.js';
import { Doctor } from './doctor.js';
import { RowRecorder } from './dynamics.js';
import type { CustomMetric } from './metric.js';
import { nextRun } from './next-run.js';
import { remediesFor } from './remedies.js';
import type { Now } from './remedies.js';
import { reportRows } from './row-report.js';
import { filesOf } from './sets.js';
import { sliceRows } from './slices.js';
import type { Survey } from './survey.js';
import type { Job, Outcome, Progress } from './trainer.js';
import { changeDropout } from './tuning.js';
import type { Tuned } from './tuning.js';
import { Validation } from './validation.js';

/** Positions of general text at which whole distributions are compared: each brings the vocabulary back twice. */
const KL_POSITIONS = 1024;

export interface WatchOptions {
  readonly config: Config;
  readonly session: Session;
  readonly slot: AdapterSlot;
  readonly adapter: AdapterOptions;
  readonly budget: number;
  readonly maxLength: number;
  readonly rows: SequenceSet;
  readonly valid?: SequenceSet;
  readonly general?: SequenceSet;
  readonly looked?: Survey;
  readonly custom?: Readonly<Record<string, CustomMetric>>;
  readonly emit: (event: TrainEvent) => void;
  readonly control: Control;
  readonly signal: AbortSignal;
}

export interface Watch {
  readonly better: 'smaller' | 'larger';
  /** The rule of the next update; the doctor may change it. */
  readonly rule: Job['rule'];
  readonly hooks: Pick<Job, 'validation' | 'examine' | 'epochDone' | 'diverged'>;
  readonly emit: (event: TrainEvent) => void;
  /** Called when it is known where the run starts. */
  begin(start: Progress, history: readonly Metric[]): Promise<void>;
  memory(): Pick<Progress, 'memory' | 'tuned'>;
  /** Called when the weights of the adapter are final. */
  finish(outcome: Outcome): Promise<Conclusion>;
  close(): void;
}

/** What the end event tells beside the loop's own numbers. */
export type Conclusion = Pick<EndEvent, 'verdict' | 'forgetting' | 'rows'>;

export async function openWatch(options: WatchOptions): Promise<Watch> {
  const { config, session, slot, adapter, budget, maxLength, valid, looked, emit, signal } = options;
  const slicing: Slicing | undefined = valid === undefined ? undefined : await sliceRows(config.data.valid!, {
    ...(config.data.sliceBy === undefined ? {} : { by: config.data.sliceBy }), ...(config.data.textSplit === undefined ? {} : { textSplit: config.data.textSplit }), signal,
  });
  let recorder: RowRecorder | undefined;
  let tuned: Tuned = {};
  const rule = { clip: config.train.clip, weightDecay: config.train.weightDecay, betas: config.train.betas, eps: config.train.epsilon };
  const validation = valid === undefined ? undefined : new Validation({
    session, slot, valid, budget, maxLength, metric: config.train.earlyStopping.metric,
    ...(config.train.probe && looked !== undefined ? { probe: looked.probe, overlap: looked.overlap } : {}),
    ...(slicing === undefined ? {} : { slicing }), ...(options.custom === undefined ? {} : { custom: options.custom }),
    ...(config.doctor.rows === 'probe' ? { onProbeRow: (row, step) => recorder?.add(row, step) } : {}),
  });
  const doctor = validation === undefined ? undefined : new Doctor(config);
  const tell = (event: TrainEvent): void => {
    doctor?.event(event);
    emit(event);
  };
  const now = (): Now => ({
    learningRate: options.control.learningRate, weightDecay: rule.weightDecay, clip: rule.clip, dropout: tuned.dropout ?? config.lora.dropout,
  });
  const text = config.data.textSplit === undefined ? {} : { textSplit: config.data.textSplit };

  /** The doctor's look after a validation; true: stop. */
  async function examine(): Promise<boolean> {
    const { diagnosis, orders } = doctor!.judge(now());
    if (orders.learningRate !== undefined) options.control.learningRate = orders.learningRate;
    if (orders.weightDecay !== undefined) tuned = { ...tuned, weightDecay: rule.weightDecay = orders.weightDecay };
    if (orders.clip !== undefined) tuned = { ...tuned, clip: rule.clip = orders.clip };
    if (orders.dropout !== undefined && orders.dropout !== now().dropout) {
      await changeDropout(session, slot, adapter, orders.dropout);
      tuned = { ...tuned, dropout: orders.dropout };
    }
    tell(diagnosis);
    return orders.stop ?? false;
  }

  /** General text before and after: the base model alone beside the adapter, over the same rows. */
  async function forgotten(): Promise<EndEvent['forgetting']> {
    if (options.general === undefined) return undefined;
    const rows = options.general;
    const pass = (of: number): Iterable<PassBatch> => rowPass(rows, { budget, slot: of, maxLength });
    const before = await measure(session, pass(-1), { signal });
    const after = await measure(session, pass(slot), { signal });
    const kl = await divergence(session, pass(-1), pass(slot), { every: Math.ceil(before.tokens / KL_POSITIONS), signal });
    return { before: before.loss, after: after.loss, change: change(after.groups, before.groups), kl: { value: kl.value, standardError: kl.standardError } };
  }

  return {
    better: validation?.metric.better ?? 'smaller',
    rule,
    hooks: {
      ...(validation === undefined ? {} : { validation, examine }),
      diverged: (step) => {
        const evidence = [{ what: 'update whose loss or gradient is no number, so that it could not be made', value: step }];
        tell({ type: 'diagnosis', step, verdict: 'unstable', evidence, also: [], remedies: remediesFor('unstable', config, now(), 0), applied: [], final: true });
      },
      ...(config.doctor.rows !== 'all' ? {} : {
        epochDone: async (step, aborted) => {
          await measure(session, rowPass(options.rows, { budget, slot, maxLength }), { signal: aborted, onRow: (row) => recorder!.add(row, step) });
        },
      }),
    },
    emit: tell,
    async begin(start, history) {
      if (config.doctor.rows !== 'none') recorder = await RowRecorder.open(join(config.output, 'rows'), start.step);
      if (start.step > 0) for (const event of history) doctor?.event(event);
      if (start.memory !== undefined) validation?.restore(start.memory);
      tuned = start.tuned ?? {};
      if (tuned.weightDecay !== undefined) rule.weightDecay = tuned.weightDecay;
      if (tuned.clip !== undefined) rule.clip = tuned.clip;
      if (tuned.dropout !== undefined) await changeDropout(session, slot, adapter, tuned.dropout);
    },
    memory: () => ({ ...(validation === undefined ? {} : { memory: validation.memory() }), ...(Object.keys(tuned).length > 0 ? { tuned } : {}) }),
    async finish() {
      recorder?.close();
      const rows = recorder && await reportRows(recorder.folder, config.output, filesOf(config.data.train), text);
      const last = doctor?.look.last;
      const diagnosis = last === undefined || last.step === 0 ? undefined : doctor!.conclude(now());
      if (diagnosis !== undefined) {
        tell(diagnosis);
        if (diagnosis.verdict !== 'healthy') await writeFile(join(config.output, 'next-run.yaml'), nextRun(config, diagnosis));
      }
      const forgetting = await forgotten();
      return {
        ...(diagnosis === undefined ? {} : { verdict: diagnosis.verdict }), ...(forgetting === undefined ? {} : { forgetting }),
        ...(rows === undefined ? {} : { rows: { rows: rows.rows, passes: rows.passes, forgotten: rows.forgotten, forgetful: rows.forgetful, mislabels: rows.mislabels } }),
      };
    },
    close: () => recorder?.close(),
  };
}
