// report.html: one file without scripts, that opens without a network.

import { clock, count } from '../../track/format.js';
import type { Child } from '../../track/html/html.js';
import { page } from '../../track/html/page.js';
import type { PageSection } from '../../track/html/page.js';
import { tiles } from '../../track/html/parts.js';
import type { Tile } from '../../track/html/parts.js';
import { percent } from '../../track/html/numbers.js';
import type { RunReport } from './collect.js';
import { curves } from './curves.js';
import { doctor, masks, samples, setting, significance, slices, testSet, TONES } from './words.js';

const ENDS: Readonly<Record<RunReport['status'], string>> = {
  finished: 'to the end', 'early-stop': 'stopped early', stopped: 'stopped by hand', unfinished: 'not finished',
};

export function reportPage(report: RunReport): string {
  const { config, effect, steps, status, seconds, adapterStep } = report;
  const model = config.model.split('/').filter((part) => part !== '').at(-1) ?? config.model;
  const parts: (PageSection & { readonly body: Child })[] = [
    { id: 'summary', title: 'In short', body: tiles(summary(report)) },
    { id: 'curves', title: 'Curves', body: curves(report) },
    { id: 'doctor', title: 'What the doctor says', lead: 'A verdict after every validation, with what it rests on.', body: doctor(report) },
    { id: 'effect', title: 'Is it better, and how surely', body: significance(report) },
    { id: 'slices', title: 'Parts of the validation rows', body: slices(report) },
    { id: 'samples', title: 'Before and after', body: samples(report) },
    { id: 'mask', title: 'What is learned', body: masks(report) },
    { id: 'test', title: 'The sealed test set', body: testSet(report) },
    { id: 'setting', title: 'Configuration and machine', body: setting(report) },
  ];
  return page({
    kind: 'Training report',
    title: `${model}, rank ${config.lora.r}`,
    lead: `${count(steps)} updates, ${ENDS[status]}${seconds === null ? '' : ` in ${clock(seconds)}`}` +
      `${adapterStep === null || adapterStep === steps ? '' : `; the adapter is that of update ${count(adapterStep)}, the best`}` +
      `${effect === null ? '.' : `. Validation loss ${effect.before.toFixed(3)} before, ${effect.after.toFixed(3)} after.`}`,
    sections: parts.filter(({ body }) => body !== undefined),
    footer: 'Made by whetstone report. Losses are in nats a token, weighted by tokens, in double precision.',
  });
}

function summary({ validations, effect, adapterStep, steps, verdict, test, end }: RunReport): Tile[] {
  const at = validations.findLast(({ step }) => step === adapterStep) ?? validations.at(-1);
  const base = validations.find(({ step }) => step === 0);
  return [
    ...(verdict === null ? [] : [{ label: 'Doctor', value: verdict, tone: TONES[verdict] }]),
    ...(at === undefined ? [] : [
      {
        label: 'Validation loss', value: at.loss.toFixed(3), ...(base === undefined || base === at ? {} : { note: `from ${base.loss.toFixed(3)}` }),
        ...(effect === null ? {} : { tone: effect.high < 0 ? 'good' as const : effect.low > 0 ? 'bad' as const : 'warn' as const }),
      },
      { label: 'Perplexity', value: at.perplexity.toFixed(2), ...(base === undefined || base === at ? {} : { note: `from ${base.perplexity.toPrecision(4)}` }) },
      { label: 'First choice', value: percent(at.accuracy), ...(base === undefined || base === at ? {} : { note: `from ${percent(base.accuracy)}` }) },
      ...(at.gap === undefined ? [] : [{ label: 'Gap to training', value: at.gap.value.toFixed(3), note: `± ${(1.96 * at.gap.standardError).toFixed(3)}` }]),
    ]),
    { label: 'Updates', value: count(steps), ...(adapterStep === null || adapterStep === steps ? {} : { note: `adapter of ${count(adapterStep)}` }) },
    ...(end?.forgetting === undefined ? [] : [{ label: 'General perplexity', value: Math.exp(end.forgetting.after).toPrecision(4), note: `from ${Math.exp(end.forgetting.before).toPrecision(4)}` }]),
    ...(test === null ? [] : [{
      label: 'Test set', value: test.openings === 0 ? 'sealed' : test.openings === 1 ? '1 look' : `${test.openings} looks`,
      ...(test.problems.length > 0 ? { note: 'ledger was tampered with', tone: 'bad' as const } : test.openings > 1 ? { tone: 'warn' as const } : {}),
    }]),
  ];
}
