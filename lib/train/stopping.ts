// Early stopping and the best checkpoint: pure bookkeeping over validation results, saved with every checkpoint. The
// best is the best value seen. Waiting ends only with an improvement that counts: over the last one that counted, by
// more than minDelta and more than minDeltaErrors standard errors.

export interface StoppingOptions {
  /** Validations without an improvement that counts before the run stops; 0: never stop early. */
  readonly patience: number;
  /** Smallest change that counts as an improvement. */
  readonly minDelta: number;
  /** The same in standard errors of the change over the same rows. @default 0 */
  readonly minDeltaErrors?: number;
  /** Whether a smaller or a larger value is better. */
  readonly better: 'smaller' | 'larger';
}

export interface StoppingState {
  readonly bestValue: number | null;
  readonly bestStep: number | null;
  /** The last value that counted as an improvement. */
  readonly mark: number | null;
  /** Validations since then. */
  readonly waited: number;
}

export const FRESH_STOPPING: StoppingState = { bestValue: null, bestStep: null, mark: null, waited: 0 };

export interface StoppingVerdict {
  readonly state: StoppingState;
  /** The best value so far. */
  readonly improved: boolean;
  /** An improvement that counts. */
  readonly marked: boolean;
  readonly stop: boolean;
}

/**
 * Judges one validation. A value that is not a number never improves. `error` is the standard error of the difference
 * between the value and the mark; one that is not known counts as 0.
 */
export function judge(state: StoppingState, step: number, value: number, options: StoppingOptions, error = 0): StoppingVerdict {
  const gain = (over: number | null): number =>
    over === null ? (Number.isFinite(value) ? Infinity : NaN) : options.better === 'smaller' ? over - value : value - over;
  const improved = gain(state.bestValue) > 0;
  const least = Math.max(options.minDelta, (options.minDeltaErrors ?? 0) * (Number.isFinite(error) ? error : 0));
  const marked = gain(state.mark) > least;
  const next: StoppingState = {
    ...(improved ? { bestValue: value, bestStep: step } : { bestValue: state.bestValue, bestStep: state.bestStep }),
    ...(marked ? { mark: value, waited: 0 } : { mark: state.mark, waited: state.waited + 1 }),
  };
  return { state: next, improved, marked, stop: options.patience > 0 && next.waited >= options.patience };
}
