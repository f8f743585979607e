// `whetstone doctor RUN`: the verdicts on a run, finished or not, made again from its metrics: so a run of an earlier
// version is judged by today's rules.

import { join } from 'node:path';
import type { DiagnosisEvent } from '../track/events.js';
import { count } from '../track/format.js';
import { readMetrics } from '../track/metrics.js';
import { sentence } from '../track/verdict.js';
import { Doctor } from '../train/doctor.js';
import { readRunConfig } from '../train/report/collect.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

export async function doctorRun(output: Output, run: string): Promise<number> {
  const config = await readRunConfig(run);
  const now = { learningRate: config.train.learningRate, weightDecay: config.train.weightDecay, dropout: config.lora.dropout, clip: config.train.clip };
  const doctor = new Doctor(config);
  const course: { readonly step: number; readonly verdict: DiagnosisEvent['verdict'] }[] = [];
  for (const metric of await readMetrics(join(run, 'metrics.jsonl'))) {
    if (metric.type === 'diagnosis') continue;
    doctor.event(metric);
    if (metric.type !== 'validation' || metric.step === 0) continue;
    const { diagnosis } = doctor.judge(now);
    doctor.event(diagnosis);
    course.push({ step: diagnosis.step, verdict: diagnosis.verdict });
  }
  const diagnosis = doctor.conclude(now);
  const c = output.terminal.colors;
  output.result({ ...diagnosis, course }, () => [
    course.length === 0 ? 'This run made no validation, so there is little to judge by: give it data.valid.'
      : `${diagnosis.verdict === 'healthy' ? c.green(diagnosis.verdict) : c.yellow(diagnosis.verdict)} after ${count(diagnosis.step)} updates` +
        `${diagnosis.also.length === 0 ? '' : `; also ${diagnosis.also.map(({ verdict }) => verdict).join(', ')}`}`,
    ...diagnosis.evidence.map((one) => `  ${sentence(one)}`),
    ...diagnosis.remedies.map(({ what, set }, i) => `${i === 0 ? 'What to do, best first:\n' : ''}  ${i + 1}. ${what}${
      Object.entries(set).map(([key, value]) => `  ${key}: ${value}`).join('')}`),
    ...(course.length === 0 ? [] : [`Over the run: ${course.map(({ step, verdict }) => `${step} ${verdict}`).join(', ')}`]),
  ].join('\n'));
  return EXIT.ok;
}
