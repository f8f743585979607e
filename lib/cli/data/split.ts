// `whetstone data split`: train, validation and test files between which nothing leaks.

import { nearDuplicateClusters } from '../../curate/near-duplicates.js';
import type { MinHashPreset } from '../../curate/minhash-options.js';
import { splitFiles } from '../../curate/split-files.js';
import type { SplitFilesOptions, SplitRecord } from '../../curate/split-files.js';
import { PARTS } from '../../curate/split.js';
import { openSource } from '../../data/source.js';
import { count } from '../../track/format.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';
import { badLines, badReport, keeperIn } from './bad-rows.js';
import { readingOf } from './reading.js';
import type { ReadingOptions } from './reading.js';

interface Options extends ReadingOptions {
  readonly out: string;
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
  readonly group: string;
  readonly prompts: boolean;
  readonly near: MinHashPreset | 'none';
  readonly stratify?: string;
  readonly exact?: boolean;
  readonly previous?: string;
}

export async function splitCommand(output: Output, options: Options, ...given: (string | readonly string[])[]): Promise<number> {
  const bad = keeperIn(options.out);
  const source = await openSource(given.flat(), { ...readingOf(options), onBad: bad.add });
  const { near } = options;
  const live = (text: string): void => {
    if (output.terminal.live) output.terminal.write(`\r\u001b[2K${text}`);
  };
  const settings: SplitFilesOptions = {
    ...readingOf(options), validation: options.validation, test: options.test, seed: options.seed,
    group: options.group === 'auto' ? 'auto' : options.group === 'none' ? [] : names(options.group),
    prompts: options.prompts, stratify: names(options.stratify ?? ''), exact: options.exact ?? false,
    ...(options.previous === undefined ? {} : { previous: options.previous }),
    ...(near === 'none' ? {} : {
      nearName: near,
      near: (texts) => nearDuplicateClusters(texts, {
        preset: near, onProgress: (stage, done, total) => { if (stage === 'join') live(`comparing rows: ${done} of ${total} bands`); },
      }),
    }),
    onProgress: (stage, rows) => live(`${stage === 'plan' ? 'reading' : 'writing'}: ${count(rows)} rows`),
  };
  const record = await splitFiles(source, options.out, settings);
  const aside = await bad.close();
  live('');
  output.result({ out: options.out, ...record, bad: badReport(aside) }, () => [describe(record, options.out), ...badLines(aside)].join('\n'));
  return EXIT.ok;
}

function names(text: string): string[] {
  return text.split(',').map((name) => name.trim()).filter((name) => name !== '');
}

function describe(record: SplitRecord, folder: string): string {
  const lines = [
    `rows      ${count(record.rows)} in ${count(record.groups)} groups that stay together (largest ${count(record.largestGroup)})`,
    `together  ${['equal texts', ...(record.near === null ? [] : [`near duplicates (${record.near})`]), ...(record.prompts ? ['equal prompts'] : []), ...record.groupedBy].join(', ')}`,
  ];
  for (const part of PARTS) {
    const { rows, share, groups } = record.parts[part];
    const file = record.files[part];
    if (file !== undefined) lines.push(`${part.padEnd(10)}${count(rows).padStart(10)} rows  ${(100 * share).toFixed(2).padStart(6)} %  ${count(groups)} groups  ${folder}/${file.file}`);
  }
  if (record.strata.length > 0) {
    lines.push('', `${'stratum'.padEnd(40)}${PARTS.slice(0, 3).map((part) => part.padStart(12)).join('')}`);
    for (const { name, parts } of record.strata.slice(0, 30)) lines.push(`${name.padEnd(40)}${parts.slice(0, 3).map((rows) => count(rows).padStart(12)).join('')}`);
    if (record.strata.length > 30) lines.push(`… and ${record.strata.length - 30} more in split.json`);
  }
  return [...lines, ...record.warnings.map((warning) => `warning   ${warning}`)].join('\n');
}
