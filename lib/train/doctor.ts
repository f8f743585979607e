// The doctor beside a run: follows its events, gives a verdict after each validation and one on the whole run, and, when
// it may (doctor.auto), does what can be done while the run goes:
//   overfitting    at first more dropout, more weight decay and half the learning rate; the second time in a row: stop
//   unstable       a quarter of the learning rate, gradients clipped; at most three times, then stop
//   underfitting   a higher learning rate, once, when half of the run has gained next to nothing
// Everything else (more epochs, a higher rank, augmentation, smoothing) goes into next-run.yaml at the end.

import type { DiagnosisEvent, Remedy, TrainEvent, Verdict } from '../track/events.js';
import type { Config } from './config/schema.js';
import { diagnose } from './diagnose.js';
import type { Finding } from './diagnose.js';
import { Look } from './diagnose-look.js';
import { remediesFor } from './remedies.js';
import type { Now } from './remedies.js';

/** The weightiest first: what a whole run is called when it had several troubles. */
const WEIGHT: readonly Verdict[] = ['unstable', 'leakage suspected', 'label noise', 'overfitting', 'underfitting', 'healthy'];

/** What is to be done now. */
export interface Orders {
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly dropout?: number;
  readonly clip?: number;
  readonly stop?: boolean;
  /** The same in words. */
  readonly applied: readonly string[];
}

const KEYS: Readonly<Record<string, 'learningRate' | 'weightDecay' | 'dropout' | 'clip'>> = {
  'train.learningRate': 'learningRate', 'train.weightDecay': 'weightDecay', 'lora.dropout': 'dropout', 'train.clip': 'clip',
};

export class Doctor {
  readonly look = new Look();
  /** Verdicts so far, one a validation after update 0. */
  readonly #verdicts: { readonly verdict: Verdict; readonly findings: readonly Finding[]; readonly acted: boolean }[] = [];
  #waiting: Finding[] | undefined;

  constructor(private readonly config: Config) {}

  /** Follows the run; a diagnosis of an earlier process tells what was done then. */
  event(event: TrainEvent): void {
    this.look.event(event);
    if (event.type === 'diagnosis' && !event.final) {
      const findings = event.verdict === 'healthy' ? [] : [{ verdict: event.verdict, evidence: event.evidence }, ...event.also];
      this.#verdicts.push({ verdict: event.verdict, findings, acted: event.applied.length > 0 });
      this.#waiting = undefined;
    }
    if (event.type === 'validation' && event.step > 0) this.#waiting = diagnose(this.look, false);
  }

  /** The verdict on the last validation and what follows from it; the caller emits the first and carries out the second. */
  judge(now: Now): { readonly diagnosis: DiagnosisEvent; readonly orders: Orders } {
    const findings = this.#waiting ?? [];
    const verdict = findings[0]?.verdict ?? 'healthy';
    const remedies = remediesFor(verdict, this.config, now, this.#gained());
    const orders = this.config.doctor.auto ? this.#orders(verdict, remedies) : { applied: [] };
    return { diagnosis: this.#event(findings, remedies, orders.applied, false), orders };
  }

  /** The verdict on the whole run: what it ended with, and what cannot be mended by a good end. */
  conclude(now: Now): DiagnosisEvent {
    const atEnd = diagnose(this.look, true);
    const kept = new Map<Verdict, Finding>();
    for (const { findings } of this.#verdicts) for (const finding of findings) if (finding.verdict === 'unstable') kept.set('unstable', finding);
    // Overfitting that lasted is overfitting, even when the last validation came out a little better.
    const fitted = this.#verdicts.filter(({ findings }) => findings.some(({ verdict }) => verdict === 'overfitting'));
    if (fitted.length >= 2 && fitted.length >= this.#verdicts.length / 3) kept.set('overfitting', fitted.at(-1)!.findings.find(({ verdict }) => verdict === 'overfitting')!);
    for (const finding of atEnd) kept.set(finding.verdict, finding);
    const findings = WEIGHT.flatMap((verdict) => kept.get(verdict) ?? []);
    return this.#event(findings, remediesFor(findings[0]?.verdict ?? 'healthy', this.config, now, this.#gained()), [], true);
  }

  #event(findings: readonly Finding[], remedies: readonly Remedy[], applied: readonly string[], final: boolean): DiagnosisEvent {
    const [first, ...also] = findings;
    return {
      type: 'diagnosis', step: this.look.last?.step ?? this.look.step, verdict: first?.verdict ?? 'healthy',
      evidence: first?.evidence ?? [], also, remedies, applied, final,
    };
  }

  #orders(verdict: Verdict, remedies: readonly Remedy[]): Orders {
    const before = this.#verdicts.at(-1);
    const acted = this.#verdicts.filter((one) => one.verdict === verdict && one.acted).length;
    if (verdict === 'overfitting' && before?.verdict === 'overfitting') return { stop: true, applied: ['stopped'] };
    if (verdict === 'unstable' && acted >= 3) return { stop: true, applied: ['stopped'] };
    // Instability stays in the record: only new evidence asks for more.
    if (verdict === 'unstable' && before?.verdict === 'unstable' && !this.#worse(before.findings[0]!)) return { applied: [] };
    const early = verdict === 'underfitting' && acted === 0;
    if (verdict !== 'overfitting' && verdict !== 'unstable' && !early) return { applied: [] };
    const orders: { learningRate?: number; weightDecay?: number; dropout?: number; clip?: number } = {};
    const applied: string[] = [];
    for (const { live, set } of remedies) {
      for (const [key, value] of Object.entries(set)) {
        const name = KEYS[key];
        if (!live || name === undefined || typeof value !== 'number') continue;
        orders[name] = value;
        applied.push(`${key} = ${value}`);
      }
    }
    return { ...orders, applied };
  }

  /** More relapses, or another rise, than the finding before had. */
  #worse(before: Finding): boolean {
    const weight = (finding: Finding | undefined): number => (finding?.evidence.length ?? 0) + (finding?.evidence[0]?.value ?? 0);
    return weight(this.#waiting?.find(({ verdict }) => verdict === 'unstable')) > weight(before);
  }

  #gained(): number {
    const { base, last } = this.look;
    return base?.probe && last?.changes?.probe ? -last.changes.probe.base.value / base.probe.loss : 0;
  }
}
