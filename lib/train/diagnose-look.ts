// What the doctor has seen of a run: validations, and a few numbers over its updates that need no memory. Made from
// events alone, so a finished or resumed run is looked at from its metrics.

import type { TrainEvent, ValidationEvent } from '../track/events.js';

/** A validation, with the learning rate that had been spent by then (the sum over updates). */
export interface Seen {
  readonly event: ValidationEvent;
  readonly spent: number;
  readonly epoch: number;
}

/** An update whose loss leapt back to where the run began, or far beyond. */
export interface Relapse {
  readonly step: number;
  readonly loss: number;
  /** By the loss at the beginning. */
  readonly ratio: number;
}

const RECENT = 5;
/** A loss this much above that of the untrained adapter is an explosion. */
const EXPLOSION = 1.3;
/** Part of all that had been gained which a single update loses again. */
const RELAPSE = 0.8;
/** The same for a smaller leap, of which it takes more. */
const LEAP = 0.4;

export class Look {
  readonly seen: Seen[] = [];
  readonly relapses: Relapse[] = [];
  /** Updates that lost a good part of what had been gained, relapses among them. */
  leaps = 0;
  steps = 0;
  step = 0;
  #spent = 0;
  #epoch = 0;
  #first: number | undefined;
  #lowest = Infinity;
  readonly #recent: number[] = [];

  get base(): ValidationEvent | undefined {
    const first = this.seen[0]?.event;
    return first?.step === 0 ? first : undefined;
  }

  get last(): ValidationEvent | undefined {
    return this.seen.at(-1)?.event;
  }

  event(event: TrainEvent): void {
    if (event.type === 'step') this.#update(event.loss, event.lr, event.step, event.steps, event.epoch);
    if (event.type === 'validation') this.seen.push({ event, spent: this.#spent, epoch: this.#epoch });
  }

  #update(loss: number, lr: number, step: number, steps: number, epoch: number): void {
    [this.step, this.steps, this.#epoch] = [step, steps, epoch];
    this.#spent += lr;
    this.#first ??= loss;
    const begin = Math.max(this.#first, this.base?.probe?.loss ?? 0, this.base?.loss ?? 0);
    const exploded = loss > EXPLOSION * begin;
    const lost = (loss - this.#lowest) / (begin - this.#lowest);
    const fallen = this.#lowest < 0.7 * begin;
    if (step > 1 && (exploded || !Number.isFinite(loss) || (fallen && lost > RELAPSE))) this.relapses.push({ step, loss, ratio: loss / begin });
    if (step > 1 && (exploded || (fallen && lost > LEAP))) this.leaps++;
    this.#recent.push(loss);
    if (this.#recent.length > RECENT) this.#recent.shift();
    if (this.#recent.length === RECENT) this.#lowest = Math.min(this.#lowest, [...this.#recent].sort((a, b) => a - b)[2]!);
  }
}
