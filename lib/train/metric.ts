// What early stopping may compare: a value of the validation, of one of its slices, of the train probe, or a metric of
// the caller's own. Found by its name, with its standard error.

import type { AdapterSlot } from '../batch.js';
import { EngineError } from '../errors.js';
import type { Measure } from '../eval/measure.js';
import type { Session } from '../engine/types.js';

export interface MetricValue {
  readonly value: number;
  readonly standardError?: number;
}

/** A metric of the caller's own, measured at every validation with the weights as they are then. */
export interface CustomMetric {
  readonly better: 'smaller' | 'larger';
  measure(at: {
    readonly session: Session; readonly slot: AdapterSlot; readonly step: number; readonly signal: AbortSignal;
  }): Promise<number | MetricValue>;
}

export interface Measured {
  readonly valid: Measure;
  readonly probe: Measure | undefined;
  readonly custom: Readonly<Record<string, MetricValue>>;
}

export interface ChosenMetric {
  readonly name: string;
  readonly better: 'smaller' | 'larger';
  /** Of which rows a difference between two validations is taken in pairs; absent: it is not. */
  readonly pairs?: 'valid' | 'probe';
  readonly of: (measured: Measured) => MetricValue;
}

type Known = Omit<ChosenMetric, 'name'>;
const loss = ({ loss: value, standardError }: { readonly loss: number; readonly standardError: number }): MetricValue => ({ value, standardError });

const BUILT_IN: Readonly<Record<string, Known>> = {
  validLoss: { better: 'smaller', pairs: 'valid', of: ({ valid }) => loss(valid) },
  validPerplexity: {
    better: 'smaller', of: ({ valid }) => ({ value: valid.perplexity, standardError: valid.perplexity * valid.standardError }),
  },
  validAccuracy: { better: 'larger', of: ({ valid }) => ({ value: valid.accuracy, standardError: valid.accuracyError }) },
  trainLoss: { better: 'smaller', pairs: 'probe', of: ({ probe }) => (probe === undefined ? { value: NaN } : loss(probe)) },
  gap: {
    better: 'smaller',
    of: ({ valid, probe }) => (probe === undefined ? { value: NaN }
      : { value: valid.loss - probe.loss, standardError: Math.hypot(valid.standardError, probe.standardError) }),
  },
};

/** The metric of a name; ERR_CONFIG lists what there is. */
export function chooseMetric(
  name: string, context: { readonly slices: readonly string[]; readonly probe: boolean; readonly custom: Readonly<Record<string, CustomMetric>> },
): ChosenMetric {
  const own = context.custom[name];
  if (own !== undefined) return { name, better: own.better, of: ({ custom }) => custom[name]! };
  const known = BUILT_IN[name];
  if (known !== undefined && (context.probe || (name !== 'trainLoss' && name !== 'gap'))) return { name, ...known };
  const [, what, slice] = /^(validLoss|validAccuracy):(.+)$/s.exec(name) ?? [];
  const number = slice === undefined ? -1 : context.slices.indexOf(slice);
  if (number >= 0) {
    const of = ({ valid }: Measured): MetricValue => {
      const part = valid.slices[number]!;
      return what === 'validLoss' ? loss(part) : { value: part.accuracy };
    };
    return { name, better: what === 'validLoss' ? 'smaller' : 'larger', of };
  }
  const names = [
    ...Object.keys(BUILT_IN).filter((one) => context.probe || (one !== 'trainLoss' && one !== 'gap')),
    ...context.slices.map((one) => `validLoss:${one}`), ...Object.keys(context.custom),
  ];
  throw new EngineError(`train.earlyStopping.metric: there is no metric "${name}" in this run. There are: ${names.join(', ')}`,
    { code: 'ERR_CONFIG', key: 'train.earlyStopping.metric' });
}
