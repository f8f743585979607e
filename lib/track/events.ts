// What a training run tells the world: the typed events that `for await (const event of run)` yields, that sinks
// receive, and that metrics.jsonl keeps (step, validation, diagnosis, checkpoint and end).

export type EndReason = 'finished' | 'early-stop' | 'stopped';

/** Something before the first update is under way. Counts where they are known. */
export interface PhaseEvent {
  readonly type: 'phase';
  readonly phase: 'model' | 'data' | 'engine' | 'resume' | 'save';
  readonly message: string;
  readonly done?: number;
  readonly total?: number;
}

export interface StartEvent {
  readonly type: 'start';
  /** Updates already done: 0 unless resumed. */
  readonly step: number;
  readonly steps: number;
  readonly model: string;
  readonly device: string;
  readonly dtype: string;
  /** Trainable numbers of the adapter. */
  readonly parameters: number;
  readonly rows: number;
  /** Tokens of one pass over the training data. */
  readonly tokens: number;
  readonly output: string;
  /** What rows were taken for, and what else was found in order, a sentence each. */
  readonly notes?: readonly string[];
}

export interface StepEvent {
  readonly type: 'step';
  /** Updates done, this one included. */
  readonly step: number;
  readonly steps: number;
  /** Passes over the data so far, with a fraction. */
  readonly epoch: number;
  /** Exact over the update: sum of weight x nll by sum of weights, over all its micro-batches. */
  readonly loss: number;
  readonly lr: number;
  /** Before clipping. */
  readonly gradNorm: number;
  /** Tokens read and tokens learned from, in this update. */
  readonly tokens: number;
  readonly scored: number;
  /** Tokens read a second, over the last updates. */
  readonly tokensPerSecond: number;
  readonly scoredPerSecond: number;
  /** Seconds that this update took. */
  readonly seconds: number;
  /** Seconds left, from the speed of the last updates. */
  readonly eta: number;
  /** With several sets of rows: the share of each in all tokens so far. */
  readonly mix?: Readonly<Record<string, number>>;
}

export interface ValidationEvent {
  readonly type: 'validation';
  readonly step: number;
  readonly loss: number;
  readonly perplexity: number;
  /** Share of scored tokens that the model would have chosen. */
  readonly accuracy: number;
  readonly tokens: number;
  readonly seconds: number;
  /** Whether this is the best so far. */
  readonly best: boolean;
  /** Of the loss, over rows. What follows is absent in runs of earlier versions. */
  readonly standardError?: number;
  readonly rows?: number;
  /** What early stopping compares, and its value; absent when it is the loss. */
  readonly metric?: string;
  readonly value?: number;
  /** Parts of the validation rows. */
  readonly slices?: readonly SliceLoss[];
  /** Training rows measured by the same weights. */
  readonly probe?: ProbeLoss;
  /** Validation loss less probe loss. */
  readonly gap?: Estimate;
  /** How the losses changed over the same rows: since update 0, and since the validation before. */
  readonly changes?: {
    readonly valid: { readonly base: Estimate; readonly last: Estimate; readonly best: Estimate };
    readonly probe?: { readonly base: Estimate; readonly last: Estimate };
  };
  /** Metrics of the caller's own, by name. */
  readonly metrics?: Readonly<Record<string, { readonly value: number; readonly standardError?: number }>>;
  /** Validation rows that training rows contain; with the first validation of a run. */
  readonly overlap?: { readonly rows: number; readonly same: number; readonly near: number };
}

export interface Estimate {
  readonly value: number;
  readonly standardError: number;
}

export interface SliceLoss {
  readonly name: string;
  readonly loss: number;
  readonly standardError: number;
  readonly accuracy: number;
  readonly tokens: number;
  readonly rows: number;
}

export interface ProbeLoss {
  readonly loss: number;
  readonly standardError: number;
  readonly accuracy: number;
  readonly tokens: number;
  readonly rows: number;
  /** How the losses of single rows are spread, for the probe and for the validation rows. */
  readonly spread?: RowSpread;
  readonly validSpread?: RowSpread;
}

/** Losses of single rows as two groups: rows that fit what the others teach, and rows that do not. */
export interface RowSpread {
  /** Share of rows in the group with the higher loss. */
  readonly share: number;
  /** Mean loss of a row in each group. */
  readonly low: number;
  readonly high: number;
  /** Distance of the two means in standard deviations (of the logarithm of the loss). */
  readonly separation: number;
  /** 5th, 25th, 50th, 75th and 95th percentile. */
  readonly quantiles: readonly number[];
}

export type Verdict = 'healthy' | 'overfitting' | 'underfitting' | 'unstable' | 'label noise' | 'leakage suspected';

/** A number that a verdict rests on. */
export interface Evidence {
  /** What was measured, in words. */
  readonly what: string;
  readonly value: number;
  /** What it is held against. */
  readonly limit?: number;
  /** 95 % interval. */
  readonly low?: number;
  readonly high?: number;
}

export interface Remedy {
  readonly what: string;
  /** Keys of the configuration and their new values. */
  readonly set: Readonly<Record<string, number | boolean | string>>;
  /** Can be done while the run goes. */
  readonly live: boolean;
}

/** What the doctor thinks, after each validation and (`final`) of the whole run. */
export interface DiagnosisEvent {
  readonly type: 'diagnosis';
  readonly step: number;
  readonly verdict: Verdict;
  readonly evidence: readonly Evidence[];
  /** Other troubles that were found, less weighty or following from the first. */
  readonly also: readonly { readonly verdict: Verdict; readonly evidence: readonly Evidence[] }[];
  /** What to do, best first. */
  readonly remedies: readonly Remedy[];
  /** What was done by itself (doctor.auto). */
  readonly applied: readonly string[];
  readonly final: boolean;
}

export interface CheckpointEvent {
  readonly type: 'checkpoint';
  readonly step: number;
  readonly folder: string;
}

export interface PauseEvent {
  readonly type: 'paused' | 'resumed';
  readonly step: number;
}

export interface WarningEvent {
  readonly type: 'warning';
  readonly message: string;
}

export interface EndEvent {
  readonly type: 'end';
  readonly reason: EndReason;
  readonly step: number;
  readonly adapter: string;
  readonly trainLoss: number | null;
  readonly validLoss: number | null;
  /** The step whose weights the adapter holds. */
  readonly adapterStep: number;
  readonly seconds: number;
  /** The doctor's word on the whole run. */
  readonly verdict?: Verdict;
  /** General text, with doctor.general: loss before and after, the change in pairs, and KL(base ‖ adapter) in nats a token. */
  readonly forgetting?: { readonly before: number; readonly after: number; readonly change: Estimate; readonly kl?: Estimate };
  /** Losses of single rows over the run. */
  readonly rows?: {
    readonly rows: number; readonly passes: number; readonly forgotten: number; readonly forgetful: number; readonly mislabels: number;
  };
}

export type TrainEvent =
  | PhaseEvent | StartEvent | StepEvent | ValidationEvent | DiagnosisEvent | CheckpointEvent | PauseEvent | WarningEvent | EndEvent;

/** Receives every event of a run, in order. What it throws becomes a warning; it never ends the run. */
export interface Sink {
  event(event: TrainEvent): void;
  /** Brings what was received to the disk. Called with every checkpoint. */
  flush?(): Promise<void>;
  close?(): Promise<void>;
}
