// Everything about a run that watches it without being the loop: validation with the train probe, losses of single
// rows, the doctor and what it changes, the check against general text. Made once for a run, asked at its hooks.

import type { AdapterSlot } from '../batch.js';
import type { AdapterOptions, Session } from '../engine/types.js';
import type { Slicing } from '../eval/measure.js';
import type { SequenceSet } from '../pack/plan.js';
import type { TrainEvent } from '../track/events.js';
import type { Metric } from '../track/metrics.js';
import { join } from 'node:path';
import type { Config } from './config/schema.js';
import type { Control } from './control.js';
import { rowPass } from './data.js';
import { measure } from '../eval/measure.js';
import { RowRecorder } from './dynamics.js';
import type { CustomMetric } from './metric.js';
import type { Plan } from './plan.js';
import { sliceRows } from './slices.js';
import type { Survey } from './survey.js';
import type { Job, Outcome, Progress } from './trainer.js';
import { changeDropout } from './tuning.js';
import type { Tuned } from './tuning.js';
import { Validation } from './validation.js';

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
  readonly plan: Plan;
  readonly custom?: Readonly<Record<string, CustomMetric>>;
  readonly emit: (event: TrainEvent) => void;
  readonly control: Control;
  readonly signal: AbortSignal;
}

export interface Watch {
  readonly better: 'smaller' | 'larger';
  /** The rule of the next update; the doctor may change it. */
  readonly rule: Job['rule'];
  readonly hooks: Pick<Job, 'validation' | 'examine' | 'epochDone'>;
  readonly emit: (event: TrainEvent) => void;
  /** Called when it is known where the run starts. */
  begin(start: Progress, history: readonly Metric[]): Promise<void>;
  memory(): Pick<Progress, 'memory' | 'tuned'>;
  /** Called when the weights of the adapter are final. */
  finish(outcome: Outcome, adapterStep: number): Promise<void>;
  close(): void;
}

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
  return {
    better: validation?.metric.better ?? 'smaller',
    rule,
    hooks: {
      ...(validation === undefined ? {} : { validation }),
      ...(config.doctor.rows !== 'all' ? {} : {
        epochDone: async (step, aborted) => {
          await measure(session, rowPass(options.rows, { budget, slot, maxLength }), { signal: aborted, onRow: (row) => recorder!.add(row, step) });
        },
      }),
    },
    emit,
    async begin(start) {
      if (config.doctor.rows !== 'none') recorder = await RowRecorder.open(join(config.output, 'rows'), start.step);
      if (start.memory !== undefined) validation?.restore(start.memory);
      tuned = start.tuned ?? {};
      if (tuned.weightDecay !== undefined) rule.weightDecay = tuned.weightDecay;
      if (tuned.clip !== undefined) rule.clip = tuned.clip;
      if (tuned.dropout !== undefined) await changeDropout(session, slot, adapter, tuned.dropout);
    },
    memory: () => ({ ...(validation === undefined ? {} : { memory: validation.memory() }), ...(Object.keys(tuned).length > 0 ? { tuned } : {}) }),
    async finish() {
      recorder?.close();
    },
    close: () => recorder?.close(),
  };
}
