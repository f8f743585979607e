// The doctor's rules: from what was seen of a run to verdicts with their evidence. Pure. Every rule compares losses of
// the same rows by the same weights, or of the same rows over time, so that the difficulty of rows cancels out.
// How the limits were found and how often they are right: docs/doctor.md.

import type { Evidence, Estimate, Verdict } from '../track/events.js';
import type { Look } from './diagnose-look.js';
import { showsMislabels } from './row-report.js';

export interface Finding {
  readonly verdict: Verdict;
  readonly evidence: readonly Evidence[];
}

/** The limits, for docs/doctor.md and for tests. */
export const LIMITS = {
  /** A gap below this part of the validation loss is no overfitting, however sure it is. */
  gapShare: 0.25,
  gapErrors: 3,
  /** A rise of the validation loss above its best that is no noise. */
  riseErrors: 2.5,
  /** Part of the gain that the train probe may lose again between two validations. */
  probeLost: 0.15,
  probeErrors: 5,
  relapses: 2,
  leaps: 3,
  relapseRatio: 2,
  /** Validation rows contained in training rows. */
  sameShare: 0.01,
  nearShare: 0.1,
  /** Validation easier than training by more than chance and base model explain. */
  easierErrors: 4,
  easierShare: 0.25,
  easierLeast: 0.1,
  /** Nats between the two groups of rows, and the loss of the worse. */
  noiseDistance: 1,
  noiseSeparation: 2.8,
  /** How fast it still learned at the end, by the rate spent, against the whole run. */
  pace: 0.4,
  /** And the last third of the run brought at least this part of all that was gained: the end of a schedule always brings some. */
  lateShare: 0.06,
  /** A gain below this part of the loss after half of the run. */
  gain: 0.05,
} as const;

const interval = ({ value, standardError }: Estimate): Pick<Evidence, 'value' | 'low' | 'high'> =>
  ({ value, low: value - 1.96 * standardError, high: value + 1.96 * standardError });

/** All troubles that the last validation shows, the weightiest first; empty: healthy. `ended`: there is no more to come. */
export function diagnose(look: Look, ended: boolean): Finding[] {
  return [unstable(look), leakage(look), labelNoise(look), overfitting(look), underfitting(look, ended)].filter((found) => found !== undefined);
}

function unstable({ relapses, leaps, seen, base, last }: Look): Finding | undefined {
  const evidence: Evidence[] = [];
  const worst = relapses.reduce((most, { ratio }) => Math.max(most, ratio), 0);
  if (relapses.length >= LIMITS.relapses || worst >= LIMITS.relapseRatio || relapses.some(({ loss }) => !Number.isFinite(loss))) {
    evidence.push({ what: 'updates whose loss leapt back to where the run began, or beyond', value: relapses.length, limit: LIMITS.relapses });
    evidence.push({ what: 'worst of them, by the loss at the beginning', value: worst });
  }
  if (leaps >= LIMITS.leaps) evidence.push({ what: 'updates that lost two fifths or more of all that had been gained', value: leaps, limit: LIMITS.leaps });
  for (const { event } of seen) {
    const step = event.changes?.probe?.last;
    const gained = base?.probe && event.probe ? base.probe.loss - Math.min(...seen.map((one) => one.event.probe?.loss ?? Infinity)) : 0;
    if (!step || event.step === 0 || !(step.value > LIMITS.probeErrors * step.standardError && step.value > LIMITS.probeLost * gained && gained > 0)) continue;
    evidence.push({ what: `rise of the train probe's loss at update ${event.step}, which should only fall`, ...interval(step), limit: LIMITS.probeLost * gained });
  }
  // The same rows are worse than before any training.
  if (last?.probe && base?.probe && last.probe.loss > 1.05 * base.probe.loss) {
    evidence.push({ what: 'train probe loss, above that of the base model', value: last.probe.loss, limit: base.probe.loss });
  }
  return evidence.length > 0 ? { verdict: 'unstable', evidence } : undefined;
}

function leakage({ seen, base, last }: Look): Finding | undefined {
  const evidence: Evidence[] = [];
  const overlap = seen.map(({ event }) => event.overlap).find((found) => found !== undefined);
  if (overlap !== undefined && overlap.same >= Math.max(2, LIMITS.sameShare * overlap.rows)) {
    evidence.push({ what: `validation rows that are training rows, of ${overlap.rows}`, value: overlap.same, limit: Math.max(2, LIMITS.sameShare * overlap.rows) });
  }
  if (overlap !== undefined && overlap.near >= Math.max(3, LIMITS.nearShare * overlap.rows)) {
    evidence.push({ what: `validation rows whose runs of tokens are nearly all in training rows, of ${overlap.rows}`, value: overlap.near, limit: Math.max(3, LIMITS.nearShare * overlap.rows) });
  }
  const gap = last && last.step > 0 ? last.gap : undefined;
  if (gap && base?.gap && last?.probe) {
    const excess = gap.value - base.gap.value * (last.loss / base.loss);
    if (excess < -LIMITS.easierErrors * gap.standardError && -excess > LIMITS.easierShare * last.probe.loss && -excess > LIMITS.easierLeast) {
      evidence.push({ what: 'validation loss less train probe loss, beyond what the base model shows', ...interval({ ...gap, value: excess }), limit: -LIMITS.easierLeast });
    }
  }
  return evidence.length > 0 ? { verdict: 'leakage suspected', evidence } : undefined;
}

function labelNoise({ seen }: Look): Finding | undefined {
  const shown = seen.filter(({ event }) => event.step > 0).slice(-3).map(({ event }) => event.probe).filter((probe) => probe !== undefined);
  const noisy = shown.filter(({ spread, validSpread }) => [spread, validSpread].some((one) =>
    one !== undefined && showsMislabels(one) && one.separation >= LIMITS.noiseSeparation && one.high >= LIMITS.noiseDistance && one.high - one.low >= LIMITS.noiseDistance));
  const spread = shown.at(-1)?.spread;
  if (noisy.length < 2 || spread === undefined || !noisy.includes(shown.at(-1)!)) return undefined;
  return {
    verdict: 'label noise',
    evidence: [
      { what: 'share of training rows in a group of their own with a high loss', value: spread.share },
      { what: 'mean loss of a row in that group', value: spread.high, limit: LIMITS.noiseDistance },
      { what: 'mean loss of the other rows', value: spread.low },
      { what: 'distance of the groups in standard deviations', value: spread.separation, limit: LIMITS.noiseSeparation },
    ],
  };
}

function overfitting({ seen, base, last }: Look): Finding | undefined {
  if (!last || last.step === 0 || !last.gap || !last.probe || !last.changes) return undefined;
  const expected = base?.gap ? base.gap.value * (last.loss / base.loss) : 0;
  const gap = { ...last.gap, value: last.gap.value - expected };
  const wide = gap.value > LIMITS.gapErrors * gap.standardError && gap.value > LIMITS.gapShare * last.loss;
  const { best, last: since } = last.changes.valid;
  const rising = best.value > LIMITS.riseErrors * best.standardError;
  const falling = since.value < -2 * since.standardError && last.best;
  const learning = seen.length > 1 && last.probe.loss < seen[0]!.event.probe!.loss;
  if (!learning || falling || !(wide || (rising && gap.value > LIMITS.gapErrors * gap.standardError))) return undefined;
  return {
    verdict: 'overfitting',
    evidence: [
      { what: 'validation loss less train probe loss, beyond what the base model shows', ...interval(gap), limit: LIMITS.gapShare * last.loss },
      { what: 'validation loss against its best', ...interval(best), limit: 0 },
      { what: 'train probe loss', value: last.probe.loss },
    ],
  };
}

function underfitting(look: Look, ended: boolean): Finding | undefined {
  const { seen, base, last, step, steps } = look;
  const change = last?.changes?.probe?.base;
  if (!last || !base?.probe || !change || step < steps / 2) return undefined;
  const gain = -change.value / base.probe.loss;
  const { pace, share } = lateStep(look) ?? {};
  const evidence: Evidence[] = [];
  if (pace !== undefined && gain < LIMITS.gain && pace > 2 * LIMITS.pace) {
    evidence.push({ what: 'part of the train probe\'s loss that is gone, over half of the run', value: gain, limit: LIMITS.gain });
  }
  if (ended && pace !== undefined && share !== undefined && pace >= LIMITS.pace && share >= LIMITS.lateShare && !(last.changes!.valid.last.value > 0)) {
    evidence.push({ what: 'part of all that was learned that the last third of the run brought', value: share, limit: LIMITS.lateShare });
    evidence.push({ what: 'speed of learning at the end, for the learning rate spent, by that of the whole run', value: pace, limit: LIMITS.pace });
  }
  if (ended && seen.length > 2 && Math.abs(change.value) < 3 * change.standardError) {
    evidence.push({ what: 'change of the train probe\'s loss over the run', ...interval(change), limit: 0 });
  }
  if (evidence.length === 0) return undefined;
  evidence.push({ what: 'passes over the training rows', value: seen.at(-1)!.epoch });
  return { verdict: 'underfitting', evidence };
}

/**
 * `pace`: fall of the train probe's loss for each unit of learning rate spent, over the last third of the run, by that of
 * the whole run: near 1 it learns as fast as ever, near 0 it is done. The rate spent takes out that a schedule slows down.
 * `share`: that fall as a part of all.
 */
function lateStep({ seen }: Look): { readonly pace: number; readonly share: number } | undefined {
  const last = seen.at(-1)!;
  const from = seen.findLast(({ event }) => event.step <= (2 / 3) * last.event.step);
  const first = seen[0]!;
  if (!from?.event.probe || !last.event.probe || !first.event.probe || from === first || last.spent <= from.spent) return undefined;
  const late = from.event.probe.loss - last.event.probe.loss;
  const all = first.event.probe.loss - last.event.probe.loss;
  return all > 0 ? { pace: late / (last.spent - from.spent) / (all / last.spent), share: late / all } : undefined;
}
