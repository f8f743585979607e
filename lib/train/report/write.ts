// Writes the report of a run: report.html for people, report.json for programs.

import { join } from 'node:path';
import { writeFileAtomic } from '../../checkpoint/atomic.js';
import { samplesOf } from '../samples.js';
import type { RunSamples, SampleOptions } from '../samples.js';
import { collectReport, readRunConfig } from './collect.js';
import type { RunReport } from './collect.js';
import { reportPage } from './page.js';

export interface ReportOptions extends Partial<Omit<SampleOptions, 'count'>> {
  /** Held-out prompts to answer before and after; 0: none, then no model is loaded. @default 4 */
  readonly samples?: number;
  /** The page. @default "report.html" in the run's folder; report.json lies beside it */
  readonly html?: string;
}

export interface WrittenReport {
  readonly html: string;
  readonly json: string;
  readonly report: RunReport;
}

export async function writeReport(folder: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const { samples: count = 4, html = join(folder, 'report.html'), ...engine } = options;
  const config = await readRunConfig(folder);
  let made: RunSamples | undefined;
  let missing: string | undefined;
  if (count > 0) {
    // A report is worth having without them: the model may lie on another machine.
    made = await samplesOf(folder, config, { ...engine, count }).catch((error: unknown) => {
      missing = error instanceof Error ? error.message : String(error);
      return undefined;
    });
  }
  const report = await collectReport(folder, made, missing);
  const json = html.replace(/(\.html?)?$/, '.json');
  await writeFileAtomic(html, Buffer.from(reportPage(report)));
  await writeFileAtomic(json, Buffer.from(`${JSON.stringify(report, null, 1)}\n`));
  return { html, json, report };
}
