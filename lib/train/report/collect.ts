// Everything that a run's folder tells, as one JSON object: what report.json holds and report.html shows.

import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { EngineError } from '../../errors.js';
import { checkLedger, readSeal } from '../../eval/sealed.js';
import { normalTail } from '../../score/compare/normal.js';
import { thin } from '../../track/curve.js';
import type { DiagnosisEvent, EndEvent, Estimate, ValidationEvent } from '../../track/events.js';
import { LEDGER_COPY, readLedger } from '../../track/ledger.js';
import type { LedgerEntry } from '../../track/ledger.js';
import { readMetrics } from '../../track/metrics.js';
import type { Config } from '../config/schema.js';
import type { Environment } from '../environment.js';
import type { RunSamples } from '../samples.js';

type Curve = readonly (readonly [step: number, value: number])[];

export interface Mislabel {
  readonly row: number;
  readonly file?: string;
  readonly line?: number;
  readonly content?: unknown;
  readonly level: number;
}

/** What the weights of the adapter changed on the validation rows, in pairs. */
export interface Effect {
  readonly step: number;
  readonly before: number;
  readonly after: number;
  readonly change: Estimate;
  readonly low: number;
  readonly high: number;
  /** Two-sided, of no change. */
  readonly p: number;
  /** Smallest change that would have been seen four times in five (80 % power at 5 %). */
  readonly detectable: number;
}

export interface RunReport {
  readonly folder: string;
  readonly config: Config;
  readonly environment: Environment | null;
  readonly status: EndEvent['reason'] | 'unfinished';
  readonly steps: number;
  readonly adapterStep: number | null;
  readonly seconds: number | null;
  readonly verdict: DiagnosisEvent['verdict'] | null;
  readonly effect: Effect | null;
  readonly curves: { readonly loss: Curve; readonly learningRate: Curve; readonly gradNorm: Curve; readonly tokensPerSecond: Curve };
  readonly validations: readonly ValidationEvent[];
  readonly diagnoses: readonly DiagnosisEvent[];
  readonly end: EndEvent | null;
  readonly mislabels: readonly Mislabel[];
  readonly samples: RunSamples | null;
  /** Why there are no samples, when there are none. */
  readonly samplesMissing: string | null;
  readonly test: {
    readonly file: string | null; readonly openings: number; readonly problems: readonly string[]; readonly entries: readonly LedgerEntry[];
  } | null;
  readonly nextRun: boolean;
}

const MOST_POINTS = 1500;

export async function collectReport(folder: string, samples: RunSamples | undefined, samplesMissing: string | undefined): Promise<RunReport> {
  const metrics = await readMetrics(join(folder, 'metrics.jsonl'));
  if (metrics.length === 0) {
    throw new EngineError(`${folder} is no folder of a run: it has no metrics.jsonl, or an empty one. Give the output folder of a training run`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'run', expected: 'the output folder of a run', received: folder });
  }
  const steps = metrics.filter((metric) => metric.type === 'step');
  const validations = metrics.filter((metric) => metric.type === 'validation');
  const diagnoses = metrics.filter((metric) => metric.type === 'diagnosis');
  const end = metrics.findLast((metric) => metric.type === 'end') ?? null;
  const curve = (of: (step: (typeof steps)[number]) => number): Curve => thin(steps.map((step) => [step.step, of(step)] as const), MOST_POINTS);
  const config = await readRunConfig(folder);
  const environment = await json<Environment>(join(folder, 'environment.json'));
  const adapterStep = end?.adapterStep ?? null;
  return {
    folder: resolve(folder), config, environment, status: end?.reason ?? 'unfinished', steps: steps.at(-1)?.step ?? 0,
    adapterStep, seconds: end?.seconds ?? null, verdict: diagnoses.findLast(({ final }) => final)?.verdict ?? diagnoses.at(-1)?.verdict ?? null,
    effect: effectOf(validations, adapterStep),
    curves: { loss: curve((step) => step.loss), learningRate: curve((step) => step.lr), gradNorm: curve((step) => step.gradNorm), tokensPerSecond: curve((step) => step.tokensPerSecond) },
    validations, diagnoses, end, mislabels: await mislabelsOf(folder), samples: samples ?? null, samplesMissing: samplesMissing ?? null,
    test: await testOf(folder, environment), nextRun: await exists(join(folder, 'next-run.yaml')),
  };
}

/** The configuration that a run saved. */
export async function readRunConfig(folder: string): Promise<Config> {
  const file = join(folder, 'config.yaml');
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new EngineError(`${file}: cannot be read (${error.message}). Give the output folder of a training run`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'run', expected: 'the output folder of a run', received: folder });
  });
  return parse(text) as Config;
}

function effectOf(validations: readonly ValidationEvent[], adapterStep: number | null): Effect | null {
  const base = validations.find(({ step }) => step === 0);
  const after = validations.findLast(({ step }) => step === adapterStep) ?? validations.at(-1);
  const change = after?.changes?.valid.base;
  if (base === undefined || after === undefined || after.step === 0 || change === undefined || !(change.standardError > 0)) return null;
  const { value, standardError } = change;
  return {
    step: after.step, before: base.loss, after: after.loss, change, low: value - 1.96 * standardError, high: value + 1.96 * standardError,
    p: Math.min(1, 2 * normalTail(Math.abs(value / standardError))), detectable: 2.802 * standardError,
  };
}

async function mislabelsOf(folder: string): Promise<readonly Mislabel[]> {
  const text = await readFile(join(folder, 'mislabels.jsonl'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '').slice(0, 25).map((line) => JSON.parse(line) as Mislabel);
}

/** The ledger beside the sealed file when it is there, else the adapter's copy. */
async function testOf(folder: string, environment: Environment | null): Promise<RunReport['test']> {
  const copy = join(folder, 'adapter', LEDGER_COPY);
  const file = environment?.test?.file;
  const carried = await readLedger(copy);
  if (file !== undefined && await exists(file)) {
    const header = await readSeal(file);
    const { entries, openings, problems } = await checkLedger(file, header, carried.entries.length > 0 ? [copy] : []);
    return { file, openings, problems, entries: entries.filter(({ seal }) => seal === header.id) };
  }
  if (carried.entries.length === 0) return null;
  return { file: null, openings: carried.entries.filter(({ type }) => type === 'opened').length, problems: carried.problems, entries: carried.entries };
}

async function json<T>(file: string): Promise<T | null> {
  return readFile(file, 'utf8').then((text) => JSON.parse(text) as T, () => null);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(() => true, () => false);
}
