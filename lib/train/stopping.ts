// Early stopping and the best checkpoint: pure bookkeeping over validation results, saved with every checkpoint.

export interface StoppingOptions {
  /** Validations without improvement before the run stops; 0: never stop early. */
  readonly patience: number;
  /** Smallest change that counts as an improvement. */
  readonly minDelta: number;
  /** Whether a smaller or a larger value is better. */
  readonly better: 'smaller' | 'larger';
}

export interface StoppingState {
  readonly bestValue: number | null;
  readonly bestStep: number | null;
  /** Validations since the best one. */
  readonly waited: number;
}

export const FRESH_STOPPING: StoppingState = { bestValue: null, bestStep: null, waited: 0 };

export interface StoppingVerdict {
  readonly state: StoppingState;
  readonly improved: boolean;
  readonly stop: boolean;
}

/** Judges one validation. A value that is not a number never improves. */
export function judge(state: StoppingState, step: number, value: number, options: StoppingOptions): StoppingVerdict {
  const gain = options.better === 'smaller' ? (state.bestValue ?? Infinity) - value : value - (state.bestValue ?? -Infinity);
  const improved = gain > options.minDelta || (state.bestValue === null && Number.isFinite(value));
  const next = improved ? { bestValue: value, bestStep: step, waited: 0 } : { ...state, waited: state.waited + 1 };
  return { state: next, improved, stop: options.patience > 0 && next.waited >= options.patience };
}
