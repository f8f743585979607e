// One validation: the held-out rows and the train probe measured with the same weights, compared with the measures of
// update 0, of the validation before, and of the last improvement that counted. What it must remember for that goes
// into checkpoints, so that a resumed run judges as an undisturbed one would.

import type { AdapterSlot } from '../batch.js';
import type { Session } from '../engine/types.js';
import { change, measure, packGroups, unpackGroups } from '../eval/measure.js';
import type { Change, Groups, Measure, MeasureOptions, RowLoss, Slicing } from '../eval/measure.js';
import type { SequenceSet } from '../pack/plan.js';
import type { ValidationEvent } from '../track/events.js';
import { rowPass } from './data.js';
import { chooseMetric } from './metric.js';
import type { ChosenMetric, CustomMetric, MetricValue } from './metric.js';
import type { Overlap } from './overlap.js';
import { Spread } from './spread.js';

type Judged = { readonly improved: boolean; readonly marked: boolean };

/** What a validation says: the value that is judged, and everything that the event tells. */
export interface Score {
  readonly value: number;
  /** Standard error of the difference to the last improvement that counted; NaN: not known. */
  readonly error: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly tokens: number;
  readonly details?: Partial<ValidationEvent>;
}

export interface ValidationOptions {
  readonly session: Session;
  readonly slot: AdapterSlot;
  readonly valid: SequenceSet;
  readonly probe?: SequenceSet;
  readonly budget: number;
  readonly maxLength: number;
  readonly slicing?: Slicing;
  readonly overlap?: Overlap;
  /** Name of what early stopping compares. */
  readonly metric: string;
  readonly custom?: Readonly<Record<string, CustomMetric>>;
  /** Called for every row of the probe. */
  readonly onProbeRow?: (row: RowLoss, step: number) => void;
}

interface Seen {
  readonly valid: Groups;
  readonly probe: Groups | undefined;
  readonly error: number;
}

/** JSON. */
export type ValidationMemory = Readonly<Record<'base' | 'last' | 'best' | 'mark', { readonly valid: string; readonly probe: string; readonly error: number } | null>>;

export class Validation {
  readonly metric: ChosenMetric;
  readonly #seen: { base?: Seen; last?: Seen; best?: Seen; mark?: Seen } = {};
  #now: Seen | undefined;

  constructor(private readonly options: ValidationOptions) {
    this.metric = chooseMetric(options.metric, {
      slices: options.slicing?.names ?? [], probe: options.probe !== undefined, custom: options.custom ?? {},
    });
  }

  async measure(step: number, signal: AbortSignal): Promise<Score> {
    const { probe: probeRows, slicing, overlap, onProbeRow } = this.options;
    const [validSpread, spread] = [new Spread(), new Spread()];
    const valid = await this.#pass(this.options.valid, { signal, slicing, onRow: (row) => validSpread.add(row.loss / row.weight) });
    const probe = probeRows && await this.#pass(probeRows, {
      signal,
      onRow: (row) => {
        spread.add(row.loss / row.weight);
        onProbeRow?.(row, step);
      },
    });
    const custom = await this.#custom(step, signal);
    const { value, standardError } = this.metric.of({ valid, probe, custom });
    const now: Seen = { valid: valid.groups, probe: probe?.groups, error: standardError ?? NaN };
    this.#now = now;
    if (step === 0) this.#seen.base = now;
    const changes = this.#changes(now);
    const score: Score = {
      value, error: this.#errorOfGain(now), loss: valid.loss, accuracy: valid.accuracy, tokens: valid.tokens,
      details: {
        standardError: valid.standardError, rows: valid.rows,
        ...(this.metric.name === 'validLoss' ? {} : { metric: this.metric.name, value }),
        ...(valid.slices.length > 0 ? { slices: valid.slices } : {}),
        ...(probe === undefined ? {} : { probe: { ...short(probe), ...spreads(spread, validSpread) }, gap: gapOf(valid, probe) }),
        ...(changes === undefined ? {} : { changes }),
        ...(Object.keys(custom).length > 0 ? { metrics: custom } : {}),
        ...(step === 0 && overlap !== undefined ? { overlap: { rows: overlap.rows, same: overlap.same, near: overlap.near } } : {}),
      },
    };
    this.#seen.last = now;
    return score;
  }

  /** Tells what became of the last measure. */
  judged({ improved, marked }: Judged): void {
    if (improved) this.#seen.best = this.#now;
    if (marked) this.#seen.mark = this.#now;
  }

  memory(): ValidationMemory {
    const kept = (seen: Seen | undefined): ValidationMemory['base'] => (seen === undefined ? null
      : { valid: packGroups(seen.valid), probe: seen.probe === undefined ? '' : packGroups(seen.probe), error: seen.error });
    const { base, last, best, mark } = this.#seen;
    return { base: kept(base), last: kept(last), best: kept(best), mark: kept(mark) };
  }

  restore(memory: ValidationMemory): void {
    for (const name of ['base', 'last', 'best', 'mark'] as const) {
      const kept = memory[name];
      if (kept === null) continue;
      this.#seen[name] = { valid: unpackGroups(kept.valid), probe: kept.probe === '' ? undefined : unpackGroups(kept.probe), error: kept.error };
    }
  }

  #pass(rows: SequenceSet, options: MeasureOptions): Promise<Measure> {
    const { session, slot, budget, maxLength } = this.options;
    return measure(session, rowPass(rows, { budget, slot, maxLength }), options);
  }

  async #custom(step: number, signal: AbortSignal): Promise<Record<string, MetricValue>> {
    const { session, slot, custom = {} } = this.options;
    const out: Record<string, MetricValue> = {};
    for (const [name, metric] of Object.entries(custom)) {
      const measured = await metric.measure({ session, slot, step, signal });
      out[name] = typeof measured === 'number' ? { value: measured } : measured;
    }
    return out;
  }

  #errorOfGain(now: Seen): number {
    const { mark } = this.#seen;
    if (mark === undefined) return 0;
    const { pairs } = this.metric;
    const [groups, before] = pairs === undefined ? [undefined, undefined] : [now[pairs], mark[pairs]];
    return groups !== undefined && before !== undefined ? change(groups, before).standardError : Math.hypot(now.error, mark.error);
  }

  #changes(now: Seen): ValidationEvent['changes'] {
    const { base, last, best } = this.#seen;
    if (base === undefined || last === undefined) return undefined;
    const of = (what: 'valid' | 'probe', before: Seen | undefined): Change =>
      before?.[what] === undefined || now[what] === undefined ? { value: 0, standardError: 0 } : change(now[what], before[what]);
    return {
      valid: { base: of('valid', base), last: of('valid', last), best: of('valid', best) },
      ...(now.probe === undefined ? {} : { probe: { base: of('probe', base), last: of('probe', last) } }),
    };
  }
}

function short({ loss, standardError, accuracy, tokens, rows }: Measure) {
  return { loss, standardError, accuracy, tokens, rows };
}

function gapOf(valid: Measure, probe: Measure): Change {
  return { value: valid.loss - probe.loss, standardError: Math.hypot(valid.standardError, probe.standardError) };
}

function spreads(probe: Spread, valid: Spread) {
  const [spread, validSpread] = [probe.result(), valid.result()];
  return { ...(spread === undefined ? {} : { spread }), ...(validSpread === undefined ? {} : { validSpread }) };
}
