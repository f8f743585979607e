// Learning-rate schedules: pure functions from the number of updates already done to a factor of the peak rate.
// The formulas are those of transformers' optimization.py where it has the schedule, so that runs can be compared.

export const SCHEDULES = ['constant', 'linear', 'cosine', 'wsd', 'polynomial', 'inverse_sqrt'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export interface ScheduleOptions {
  readonly schedule: ScheduleName;
  /** Peak learning rate, reached when the warm-up ends. */
  readonly learningRate: number;
  /** Updates of the whole run. */
  readonly steps: number;
  /** Updates of the linear warm-up. Wins over `warmupRatio`. @default 0 */
  readonly warmupSteps?: number;
  /** Warm-up as a share of all updates, rounded up. @default 0 */
  readonly warmupRatio?: number;
  /** Rate that the schedule ends at, and never goes below after the warm-up. @default 0 */
  readonly minLearningRate?: number;
  /** Exponent of the polynomial schedule. @default 1 */
  readonly power?: number;
  /** Share of all updates in which "wsd" decays, rounded up. @default 0.1 */
  readonly decayRatio?: number;
}

/** Updates of the warm-up: the steps if given and not 0, else the ratio of all steps, rounded up. */
export function warmupLength(options: Pick<ScheduleOptions, 'steps' | 'warmupSteps' | 'warmupRatio'>): number {
  return options.warmupSteps || Math.ceil(options.steps * (options.warmupRatio ?? 0));
}

type Shape = (step: number) => number;

/**
 * The factor that multiplies the peak rate, by the number of updates already done (0 for the first update).
 * After the warm-up it never falls below `minLearningRate / learningRate`.
 */
export function scheduleFactor(options: ScheduleOptions): Shape {
  const { schedule, learningRate, steps } = options;
  const warmup = warmupLength(options);
  const floor = learningRate > 0 ? Math.min(1, (options.minLearningRate ?? 0) / learningRate) : 0;
  const progress = (step: number): number => Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  const above = (factor: number): number => Math.max(0, factor) * (1 - floor) + floor;
  const after = shapes[schedule](options, warmup, progress, above, floor);
  return (step) => {
    if (step >= warmup) return after(step);
    const factor = step / Math.max(1, warmup);
    return schedule === 'wsd' ? above(factor) : factor;
  };
}

type Builder = (options: ScheduleOptions, warmup: number, progress: Shape, above: Shape, floor: number) => Shape;

const shapes: Readonly<Record<ScheduleName, Builder>> = {
  constant: () => () => 1,
  linear: (_options, _warmup, progress, above) => (step) => above(1 - progress(step)),
  cosine: (_options, _warmup, progress, above) => (step) => above(0.5 * (1 + Math.cos(Math.PI * progress(step)))),
  polynomial: ({ power = 1 }, _warmup, progress, above) => (step) => above((1 - progress(step)) ** power),
  inverse_sqrt: (_options, warmup, _progress, _above, floor) => {
    const timescale = warmup || 10_000;
    return (step) => Math.max(floor, 1 / Math.sqrt((step + timescale - warmup) / timescale));
  },
  wsd: ({ steps, decayRatio = 0.1 }, warmup, _progress, above) => {
    const decay = Math.min(Math.max(0, steps - warmup), Math.ceil(steps * decayRatio));
    const begin = steps - decay;
    return (step) => {
      if (step < begin) return 1;
      const share = Math.min(1, (step - begin) / Math.max(1, decay));
      return above(0.5 * (1 + Math.cos(Math.PI * share)));
    };
  },
};
