// A training run as its user holds it: read its events with `for await`, steer it, await its result.

import { EngineError } from '../errors.js';
import type { EndEvent, Sink, StartEvent, TrainEvent } from '../track/events.js';
import { Control } from './control.js';
import { EventStream } from './stream.js';
import { trainLoop } from './trainer.js';
import type { Job, Outcome, Progress } from './trainer.js';

export interface TrainResult extends Pick<EndEvent, 'verdict' | 'forgetting' | 'rows'> {
  /** "finished", "early-stop", or "stopped" by `stop()`: then `adapter` is the last one, not the best. */
  readonly reason: Outcome['reason'];
  /** The PEFT folder. */
  readonly adapter: string;
  /** The run's folder. */
  readonly output: string;
  /** Updates done. */
  readonly steps: number;
  /** The update whose weights the adapter holds. */
  readonly adapterStep: number;
  /** Loss of the last update. */
  readonly trainLoss: number | null;
  /** Token-weighted over all updates. */
  readonly meanTrainLoss: number | null;
  /** Of the last validation. */
  readonly validLoss: number | null;
  /** Of the best one: its loss or accuracy, as train.earlyStopping.metric says. */
  readonly bestValue: number | null;
  readonly bestStep: number | null;
  readonly seconds: number;
}

/** The adapter that a run ends with, and what was found out about the run. */
export interface Finished extends Pick<EndEvent, 'verdict' | 'forgetting' | 'rows'> {
  readonly adapter: string;
  readonly adapterStep: number;
}

/** What a run is made of once model, data and engine are ready. */
export interface Stage {
  readonly job: Job;
  readonly start: Progress;
  readonly startEvent: StartEvent;
  readonly output: string;
  /** Sinks that live in the run's folder. */
  readonly sinks: readonly Sink[];
  /** Writes the adapter that the run ends with. */
  finish(outcome: Outcome): Promise<Finished>;
  /** Called after the last event, when all sinks are closed. */
  conclude?(): Promise<void>;
  /** Writes the adapter as it is now. */
  snapshot(folder: string | undefined): Promise<string>;
  close(): Promise<void>;
}

export interface StageContext {
  readonly control: Control;
  readonly emit: (event: TrainEvent) => void;
  readonly ready: () => Promise<void>;
  /** Brings all sinks to the disk. */
  readonly flush: () => Promise<void>;
}

export interface RunOptions {
  /** Aborting it is {@link Run.cancel}. */
  readonly signal?: AbortSignal;
  /** Receive every event beside the run folder's own files. */
  readonly sinks?: readonly Sink[];
}

export class Run implements AsyncIterable<TrainEvent> {
  /** Settles when everything is written and closed. */
  readonly result: Promise<TrainResult>;
  readonly #control: Control;
  readonly #stream = new EventStream<TrainEvent>();
  readonly #failedSinks = new Set<Sink>();
  #sinks: Sink[];
  #stage: Stage | undefined;

  constructor(learningRate: number, prepare: (context: StageContext) => Promise<Stage>, options: RunOptions = {}) {
    this.#control = new Control(learningRate, options.signal);
    this.#sinks = [...(options.sinks ?? [])];
    this.result = this.#run(prepare);
    this.result.then(() => this.#stream.end(), (error: unknown) => this.#stream.end({ error }));
  }

  /** The events from now on; the first reader also gets those before. Throws what the run fails with. */
  [Symbol.asyncIterator](): AsyncIterableIterator<TrainEvent> {
    return this.#stream.read();
  }

  /** Holds the run after the update under way. */
  pause(): void {
    this.#control.pause();
  }

  resume(): void {
    this.#control.resume();
  }

  /** Saves a checkpoint after the update under way and ends; `--resume` or `resume: true` goes on from there. */
  stop(): void {
    this.#control.stop();
  }

  /** Ends now, between two layers. `result` and the readers reject with `reason`; checkpoints stay as they are. */
  cancel(reason?: unknown): void {
    this.#control.cancel(reason);
  }

  /** Sets the peak learning rate from the next update on; the schedule goes on multiplying it. Kept in checkpoints. */
  setLearningRate(rate: number): void {
    if (!(Number.isFinite(rate) && rate >= 0)) {
      throw new EngineError(`setLearningRate: expected a number of at least 0, got ${rate}`,
        { code: 'ERR_INVALID_ARGUMENT', argument: 'rate', expected: 'a number of at least 0', received: String(rate) });
    }
    this.#control.learningRate = rate;
  }

  /** Writes the adapter as it is between two updates, as a PEFT folder, and returns the folder. */
  snapshot(folder?: string): Promise<string> {
    return this.#control.between(() => this.#stage!.snapshot(folder));
  }

  async #run(prepare: (context: StageContext) => Promise<Stage>): Promise<TrainResult> {
    await Promise.resolve(); // whoever made the run can begin to read first
    try {
      const stage = await prepare({
        control: this.#control,
        emit: (event) => this.#emit(event),
        ready: () => this.#stream.ready(),
        flush: async () => void (await Promise.all(this.#sinks.map((sink) => this.#guard(sink, () => sink.flush?.())))),
      });
      this.#stage = stage;
      this.#sinks.push(...stage.sinks);
      this.#emit(stage.startEvent);
      const outcome = await trainLoop(stage.job, stage.start);
      const { adapter, adapterStep, ...found } = await stage.finish(outcome);
      const result = { ...summary(outcome, adapter, adapterStep, stage.output), ...found };
      this.#emit({
        type: 'end', reason: result.reason, step: result.steps, adapter, adapterStep,
        trainLoss: result.trainLoss, validLoss: result.validLoss, seconds: result.seconds, ...found,
      });
      await this.#closeSinks();
      await stage.conclude?.();
      return result;
    } finally {
      this.#control.close();
      await this.#closeSinks();
      await this.#stage?.close();
    }
  }

  #emit(event: TrainEvent): void {
    this.#stream.emit(event);
    for (const sink of this.#sinks) void this.#guard(sink, () => sink.event(event));
  }

  async #closeSinks(): Promise<void> {
    const sinks = this.#sinks;
    this.#sinks = [];
    await Promise.all(sinks.map((sink) => this.#guard(sink, () => sink.close?.())));
  }

  /** A sink that fails is told of once, and never ends the run. */
  async #guard(sink: Sink, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#failedSinks.has(sink)) return;
      this.#failedSinks.add(sink);
      this.#emit({ type: 'warning', message: `${sink.constructor.name}: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
}

function summary(outcome: Outcome, adapter: string, adapterStep: number, output: string): TrainResult {
  const { progress } = outcome;
  return {
    reason: outcome.reason,
    adapter,
    output,
    steps: progress.step,
    adapterStep,
    trainLoss: progress.lastLoss,
    meanTrainLoss: progress.weightSum > 0 ? progress.lossSum / progress.weightSum : null,
    validLoss: progress.validLoss,
    bestValue: progress.stopping.bestValue,
    bestStep: progress.stopping.bestStep,
    seconds: progress.seconds,
  };
}
