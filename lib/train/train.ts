// `train`: from a configuration to a run. Loads model and rows, plans, opens the engine, and knows what lies where in
// the run's folder.

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAdapter } from '../checkpoint/adapter.js';
import { resolveTargets } from '../checkpoint/targets.js';
import type { LoraConfig } from '../checkpoint/targets.js';
import { EngineError } from '../errors.js';
import { moduleName, projectionsOf } from '../model/names.js';
import type { ModelSpec } from '../tensors.js';
import { drawCurve } from '../track/curve.js';
import type { Sink } from '../track/events.js';
import { MetricsLog, readMetrics, rewindMetrics } from '../track/metrics.js';
import { TensorBoardLog } from '../track/tensorboard.js';
import { Checkpoints } from './checkpoints.js';
import { checkConfig } from './config/parse.js';
import type { Config, ConfigInput } from './config/schema.js';
import { writeResolved } from './config/write.js';
import { mostSequences, widestBatch } from './data.js';
import { openBatches } from './batches.js';
import { planGeneration } from './generation.js';
import { withoutEvaluationText } from './decontaminate.js';
import { detectedText, firstRowText, SURE } from './detected.js';
import { planRun, refuseUnlessFits } from './memory.js';
import { loadParts, openParts, resolveDevice } from './open.js';
import { splitOwnRows } from './own-split.js';
import { encodeRows } from './rows.js';
import { Run } from './run.js';
import type { Finished, Stage, StageContext } from './run.js';
import { scheduleFactor } from './schedule.js';
import { streamRows } from './stream-rows.js';
import type { CustomMetric } from './metric.js';
import { FRESH_STOPPING } from './stopping.js';
import { environment } from './environment.js';
import { survey } from './survey.js';
import { noteTestSet } from './test-set.js';
import type { Outcome, Progress } from './trainer.js';
import { openWatch } from './watch.js';

export interface TrainOptions {
  /** Go on from the last checkpoint in the output folder, or begin when there is none. @default false */
  readonly resume?: boolean;
  /** Delete an earlier run in the output folder. @default false */
  readonly overwrite?: boolean;
  /** Aborting it cancels the run. */
  readonly signal?: AbortSignal;
  /** Receive every event, beside the files of the run's folder. */
  readonly sinks?: readonly Sink[];
  /** Metrics of your own, measured at every validation; `train.earlyStopping.metric` may name one. */
  readonly metrics?: Readonly<Record<string, CustomMetric>>;
}

/**
 * Begins a training run and returns it at once. What is wrong with the configuration is thrown here (ERR_CONFIG);
 * everything else rejects `run.result` and ends its readers.
 */
export function train(input: ConfigInput, options: TrainOptions = {}): Run {
  const config = checkConfig(input);
  return new Run(config.train.learningRate, (context) => prepare(config, options, context), options);
}

async function prepare(given: Config, options: TrainOptions, context: StageContext): Promise<Stage> {
  const { emit, control: { signal } } = context;
  const phase = (name: 'model' | 'data' | 'engine' | 'resume', message: string, done?: number, total?: number): void =>
    emit({ type: 'phase', phase: name, message, done, total });
  const closing: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  try {
    await openOutput(given.output, options);
    const config = await splitOwnRows(given, {
      signal, onProgress: (message, done) => phase('data', message, done), warn: (message) => emit({ type: 'warning', message }),
    });
    const test = await noteTestSet(config, (message) => emit({ type: 'warning', message }));
    phase('model', `reading ${config.model}`);
    const parts = await loadParts({
      model: config.model, revision: config.revision, signal,
      onDownload: ({ file, done, total }) => phase('model', `fetching ${file} of ${config.model}`, done, total),
    });
    const { spec } = parts.model;
    for (const note of parts.model.notes) emit({ type: 'warning', message: note });
    const lora = loraOf(config, spec);
    const where = await resolveDevice(config.device);
    refuseUnlessFits(await planRun(config, spec, lora, { device: where }));  // before rows are read and weights are loaded

    const budget = config.train.batchTokens;
    const maxLength = Math.min(config.train.maxLength ?? Infinity, spec.rope.maxPositions, budget);
    const notes: string[] = [];
    const encode = async (files: Config['data']['train'], what: string) => {
      phase('data', `reading ${what} rows`);
      const badRowsFile = join(config.output, what === 'training' ? 'bad-rows.jsonl' : `bad-rows-${what}.jsonl`);
      const rows = await encodeRows(parts, files, { ...config.data, maxLength, badRowsFile, signal, onProgress: (done) => phase('data', `reading ${what} rows`, done),
        onDetected: (name, detection, set) => {
          const message = `${name === 'train' ? what : name} rows are read as ${detectedText(detection)}`;
          if (detection.confidence < SURE) emit({ type: 'warning', message: `${message}. The first: ${firstRowText(parts, set)}. If that is wrong, say data.format and data.fields` });
          else notes.push(`${message}; the first: ${firstRowText(parts, set)}`);
        },
      });
      closing.push(rows.close);
      for (const message of rows.warnings) emit({ type: 'warning', message });
      return rows;
    };
    const read = config.data.streaming
      ? await streamRows(parts, config, { maxLength, signal, phase: (message, done, total) => phase('data', message, done, total) })
      : await encode(config.data.train, 'training');
    if (config.data.streaming) closing.push(read.close);
    const rows = await withoutEvaluationText(read, parts, given, signal, emit, notes);
    const valid = config.data.valid === undefined ? undefined : await encode(config.data.valid, 'validation');

    const general = config.doctor.general === undefined ? undefined : await encode(config.doctor.general, 'general');
    const generation = await planGeneration(config, parts, valid?.set);
    const looked = valid === undefined ? undefined : await survey(rows.set, valid.set, config.train.seed, signal);

    const batches = await openBatches(rows, {
      config, maxSequences: mostSequences(rows.set, budget),
      collate: { neftuneAlpha: config.train.neftuneAlpha, labelSmoothing: config.train.labelSmoothing },
    });
    const { plan } = batches;
    const modules = resolveTargets(spec, lora);

    const adapter = { modules, dropout: config.lora.dropout, seed: BigInt(config.train.seed) };
    phase('engine', 'loading the weights');
    const { session, slot, device } = await openParts(parts, {
      device: where, dtype: config.train.dtype, recompute: config.train.recompute, threads: config.threads, maxTokens: budget,
      maxSequences: Math.max(batches.maxSequences, ...[valid, general].map((one) => (one ? widestBatch(one.set, { budget, maxLength }) : 1))),
      ...generation?.room, training: true, signal, onProgress: (done, total) => phase('engine', 'loading the weights', done, total),
    }, adapter);
    closing.push(() => session.close());

    const watch = await openWatch({
      config, session, slot, adapter, budget, maxLength, rows: rows.set, emit, control: context.control,
      ...(valid === undefined ? {} : { valid: valid.set }), ...(looked === undefined ? {} : { looked }),
      ...(general === undefined ? {} : { general: general.set }), custom: { ...generation?.metrics, ...options.metrics }, signal,
    });
    closing.push(() => watch.close());
    const { better } = watch;
    const checkpoints = new Checkpoints(config.output, {
      session, slot, keep: config.train.keep, better,
      identity: { config, model: parts.model.fingerprint, rows: rows.key, valid: valid?.key ?? null, steps: plan.steps },
      warn: (message: string) => emit({ type: 'warning', message }),
    });
    if (options.resume) phase('resume', 'reading the last checkpoint');
    const start = (options.resume ? await checkpoints.restore() : undefined) ?? fresh(config);
    context.control.learningRate = start.learningRate;

    await mkdir(config.output, { recursive: true });
    await writeFile(join(config.output, 'config.yaml'), writeResolved(given));
    await writeFile(join(config.output, 'environment.json'), `${JSON.stringify(environment({ device, threads: config.threads, model: parts.model.fingerprint, test }), null, 2)}\n`);
    const metrics = join(config.output, 'metrics.jsonl');
    // A run that begins anew measures itself at 0 again, so nothing of an earlier try stays.
    const history = await rewindMetrics(metrics, start.step === 0 ? -1 : start.step);
    await generation?.rewind(start.step === 0 ? -1 : start.step);
    await watch.begin(start, history);
    const sinks = [new MetricsLog(metrics), new TensorBoardLog(config.output, history)];

    return {
      job: {
        session, slot, plan,
        feed: batches.feed(start),
        rule: watch.rule,
        factor: scheduleFactor({ ...config.train, steps: plan.steps }),
        stopping: { ...config.train.earlyStopping, better },
        ...watch.hooks,
        save: async (progress) => {
          await context.flush();
          return checkpoints.save({ ...progress, ...watch.memory() });
        },
        emit: watch.emit, ready: context.ready, control: context.control,
      },
      start,
      startEvent: {
        type: 'start', step: start.step, steps: plan.steps, model: config.model, device, dtype: config.train.dtype,
        parameters: (await session.readAdapter(slot, 'weights')).reduce((sum, { data }) => sum + data.length, 0),
        rows: rows.report.kept, tokens: rows.report.tokens, output: config.output, notes,
      },
      output: config.output,
      sinks,
      finish,
      conclude: () => drawRun(config),
      snapshot: (folder) => write(folder ?? join(config.output, 'snapshots', new Date().toISOString().replaceAll(/[:.]/g, '-'))),
      close,
    };

    async function write(folder: string): Promise<string> {
      const tensors = await session.readAdapter(slot, 'weights');
      await writeAdapter(folder, {
        spec, lora, tensors, baseModel: config.model, ...(parts.model.revision === undefined ? {} : { revision: parts.model.revision }),
      });
      return folder;
    }

    /** Writes the final adapter: the best one if there was a validation, the last one of a run that was stopped. */
    async function finish(outcome: Outcome): Promise<Finished> {
      const { reason, progress } = outcome;
      const best = (config.train.restoreBest && reason !== 'stopped' ? progress.stopping.bestStep : null) ?? progress.step;
      if (best !== progress.step) await checkpoints.loadWeights(best);
      const folder = await write(join(config.output, 'adapter'));
      return { adapter: folder, adapterStep: best, ...(reason === 'stopped' ? {} : await watch.finish(outcome)) };
    }
  } catch (error) {
    await close();
    throw error;
  }
}

function fresh(config: Config): Progress {
  return {
    step: 0, stopping: FRESH_STOPPING, learningRate: config.train.learningRate, lastLoss: null, lossSum: 0, weightSum: 0,
    validLoss: null, seconds: 0,
  };
}

/** The configuration's adapter in the words of PEFT. There a list of layers goes with a list of modules only. */
export function loraOf({ lora }: Config, spec: ModelSpec): LoraConfig {
  const all = lora.targetModules === 'all-linear' && lora.layersToTransform !== undefined;
  const targetModules = all ? [...new Set(projectionsOf(spec).filter((name) => name !== 'head').map(moduleName))] : lora.targetModules;
  return { ...lora, alpha: lora.alpha!, targetModules };
}

/** Files and folders that a run makes. */
const OURS = /^(adapter|checkpoints|snapshots|rows|split|samples\.json|generations\.jsonl|environment\.json|forgetting\.json|report\.(html|json)|rows\.jsonl|contaminated\.jsonl|mislabels\.jsonl|next-run\.yaml|config\.yaml|metrics\.jsonl(\.tmp)?|curve\.svg|events\.out\.tfevents\..*\.whetstone)$/;

/** An output folder with an earlier run is only touched when that was asked for. */
async function openOutput(folder: string, options: TrainOptions): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new EngineError(`output: ${folder} cannot be used (${error.message})`, { code: 'ERR_CONFIG', key: 'output' }, { cause: error });
  });
  const ours = names.filter((name) => OURS.test(name));
  if (options.resume || !ours.some((name) => name === 'adapter' || name === 'checkpoints' || name === 'metrics.jsonl')) return;
  if (!options.overwrite) {
    throw new EngineError(
      `output: ${folder} holds an earlier run. Go on with it (--resume), delete it first (--overwrite), or choose another folder (--set output=…)`,
      { code: 'ERR_CONFIG', key: 'output' });
  }
  await Promise.all(ours.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

async function drawRun(config: Config): Promise<void> {
  const metrics = await readMetrics(join(config.output, 'metrics.jsonl'));
  const { r, alpha } = config.lora;
  const svg = drawCurve(metrics, {
    title: `Loss of ${config.model.split('/').at(-1)}`,
    subtitle: `LoRA r = ${r}, alpha = ${alpha}; learning rate ${config.train.learningRate}, ${config.train.schedule}`,
  });
  await writeFile(join(config.output, 'curve.svg'), svg);
}
