// What a run will do, in updates: how many, where epochs end, when to validate and when to save. Pure.

export interface PlanInput {
  /** Batches of each epoch, from the packer. Asked for one epoch after the other, until there are enough. */
  readonly batchesOf: (epoch: number) => number;
  /** Micro-batches per update. */
  readonly accumulation: number;
  /** Updates of the run. Wins over `epochs`. */
  readonly steps?: number;
  /** Passes over the data; a fraction ends within an epoch. */
  readonly epochs?: number;
  /** Updates between validations; absent: ten times in a run, at least once an epoch for short runs. */
  readonly validEvery?: number;
  readonly saveEvery?: number;
}

export interface Plan {
  readonly steps: number;
  readonly validEvery: number;
  readonly saveEvery: number;
}

/**
 * Updates never span two epochs: the last update of an epoch takes the micro-batches that are left, and the engine
 * divides by what was really scored.
 */
export function makePlan(input: PlanInput): Plan {
  const steps = input.steps ?? stepsOfEpochs(input, input.epochs ?? 1);
  const tenth = Math.max(1, Math.ceil(steps / 10));
  return {
    steps,
    validEvery: input.validEvery || tenth,
    saveEvery: input.saveEvery || Math.min(500, tenth),
  };
}

function stepsOfEpochs(input: PlanInput, epochs: number): number {
  const whole = Math.floor(epochs);
  let steps = 0;
  for (let epoch = 0; epoch < whole; epoch++) steps += Math.ceil(input.batchesOf(epoch) / input.accumulation);
  if (epochs > whole) steps += Math.ceil((Math.ceil(input.batchesOf(whole) / input.accumulation)) * (epochs - whole));
  return Math.max(1, steps);
}
