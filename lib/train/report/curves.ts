// The report's pictures of a run: losses with their intervals, the gap, and what the optimizer did.

import { smooth } from '../../track/curve.js';
import type { ValidationEvent } from '../../track/events.js';
import { html } from '../../track/html/html.js';
import type { Child } from '../../track/html/html.js';
import { lineChart } from '../../track/html/line.js';
import type { Series } from '../../track/html/line.js';
import { percent } from '../../track/html/numbers.js';
import { note, pair } from '../../track/html/parts.js';
import type { RunReport } from './collect.js';

type Measured = { readonly loss: number; readonly standardError?: number };

function series(name: string, color: number, points: readonly (readonly [number, Measured])[]): Series {
  return {
    name, color, draw: 'both', points: points.map(([step, { loss }]) => [step, loss]),
    band: points.flatMap(([step, { loss, standardError: e }]) => (e === undefined ? [] : [[step, loss - 1.96 * e, loss + 1.96 * e] as const])),
  };
}

/** A run falls most at its beginning: where that would flatten the rest, the first validation is left to the table. */
function without(validations: readonly ValidationEvent[]): readonly ValidationEvent[] {
  const [first, ...rest] = validations;
  if (first === undefined || rest.length < 3) return validations;
  const high = Math.max(...rest.map(({ loss }) => loss));
  const low = Math.min(...rest.map(({ loss }) => loss));
  return first.loss - low > 3 * (high - low) ? rest : validations;
}

export function curves({ curves: { loss, learningRate, gradNorm }, validations, adapterStep }: RunReport): Child {
  const marks = adapterStep === null ? [] : [{ x: adapterStep, name: 'the adapter' }];
  const shown = without(validations);
  const from = shown[0]?.step ?? 0;
  const updates = loss.filter(([step]) => step >= from);
  const probes = shown.filter(({ probe }) => probe !== undefined);
  const withGap = validations.filter(({ gap }) => gap !== undefined);
  return html`${lineChart([
    { name: 'training loss of single updates', color: 2, draw: 'faint', points: updates },
    { name: 'training loss, mean of neighbours', color: 2, points: smooth(updates, Math.ceil(updates.length / 40)) },
    ...(shown.length > 0 ? [series('validation', 1, shown.map((event) => [event.step, event]))] : []),
    ...(probes.length > 0 ? [series('train probe', 0, probes.map((event) => [event.step, event.probe!]))] : []),
  ], {
    title: 'Loss', x: 'updates', y: 'nats a token', marks,
    note: 'Validation and train probe are measured at the same updates, with the same weights. Bands are 95 % intervals over rows.',
  })}${validations.length === shown.length ? '' : note(`The curve begins at update ${from}: the base model's losses lie far above it and are in the numbers.`)}
${pair(
    withGap.length < 2 ? undefined : lineChart([{
      name: 'gap', points: withGap.map(({ step, gap }) => [step, gap!.value]), draw: 'both', color: 1,
      band: withGap.map(({ step, gap }) => [step, gap!.value - 1.96 * gap!.standardError, gap!.value + 1.96 * gap!.standardError]),
    }, { name: 'no gap', color: 6, points: [[withGap[0]!.step, 0], [withGap.at(-1)!.step, 0]] }],
    { title: 'Validation less train probe', x: 'updates', y: 'nats a token', half: true, marks, note: 'A gap that opens while the probe falls is overfitting.' }),
    validations.length < 2 ? undefined : lineChart([
      { name: 'validation', color: 1, draw: 'both', points: validations.map(({ step, accuracy }) => [step, accuracy]) },
      ...(withGap.length === 0 ? [] : [{ name: 'train probe', color: 0, draw: 'both' as const, points: withGap.map(({ step, probe }) => [step, probe!.accuracy] as const) }]),
    ], { title: 'Tokens that were the first choice', x: 'updates', y: 'share', half: true, formatY: percent }))}
${pair(
    lineChart([{ name: 'learning rate', points: learningRate, color: 2 }], { title: 'Learning rate', x: 'updates', y: 'rate', half: true, fromZero: true }),
    lineChart([{ name: 'gradient norm', points: gradNorm, color: 3 }], { title: 'Gradient norm before clipping', x: 'updates', y: 'norm', half: true, logY: gradNorm.every(([, value]) => value > 0) }))}`;
}
