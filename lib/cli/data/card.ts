// `whetstone data card`: README.md for the hub with measured numbers, and the same as one HTML file with figures.

import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeCard } from '../../curate/card.js';
import type { CardOptions } from '../../curate/card.js';
import { findLineage } from '../../curate/lineage.js';
import type { MinHashPreset } from '../../curate/minhash-options.js';
import { nearDuplicateClusters } from '../../curate/near-duplicates.js';
import { profileData } from '../../curate/profile.js';
import { writeReport } from '../../curate/report.js';
import { openSource } from '../../data/source.js';
import { EngineError } from '../../errors.js';
import { count } from '../../track/format.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';
import { packageVersion } from '../program.js';
import { badLines, badReport, keeperIn } from './bad-rows.js';
import { readingOf } from './reading.js';
import type { ReadingOptions } from './reading.js';

interface Options extends ReadingOptions {
  readonly out: string;
  readonly name?: string;
  readonly license: string;
  readonly licenseName?: string;
  readonly licenseLink?: string;
  readonly language?: string;
  readonly task?: string;
  readonly tags?: string;
  readonly description?: string;
  readonly sourceField?: string;
  readonly near: MinHashPreset | 'none';
  readonly overwrite?: boolean;
}

export async function cardCommand(output: Output, options: Options, ...given: (string | readonly string[])[]): Promise<number> {
  const bad = keeperIn(options.out);
  const source = await openSource(given.flat(), { ...readingOf(options), onBad: bad.add });
  const { near } = options;
  const live = (text: string): void => {
    if (output.terminal.live) output.terminal.write(`\r\u001b[2K${text}`);
  };
  const card = path.join(options.out, 'README.md');
  const report = path.join(options.out, 'report.html');
  await refuseOverwriting(card, options.overwrite === true);
  const description = options.description === undefined ? undefined : await readDescription(options.description);
  const profile = await profileData(source, {
    ...readingOf(options), onBad: bad.add, ...(options.sourceField === undefined ? {} : { sourceField: options.sourceField }),
    ...(near === 'none' ? {} : {
      near: (texts) => nearDuplicateClusters(texts, {
        preset: near, onProgress: (stage, done, total) => { if (stage === 'join') live(`comparing rows: ${done} of ${total} bands`); },
      }),
    }),
    onProgress: (rows) => live(`reading: ${count(rows)} rows`),
  });
  live('');
  const lineage = await findLineage(source.files);
  const words = (text: string | undefined): string[] | undefined => text?.split(',').map((one) => one.trim()).filter((one) => one !== '');
  const name = options.name ?? path.basename(path.resolve(options.out));
  const settings: CardOptions = {
    name, license: options.license,
    ...(options.licenseName === undefined ? {} : { licenseName: options.licenseName }), ...(options.licenseLink === undefined ? {} : { licenseLink: options.licenseLink }),
    ...(options.language === undefined ? {} : { language: words(options.language)! }), ...(options.task === undefined ? {} : { tasks: words(options.task)! }),
    ...(options.tags === undefined ? {} : { tags: words(options.tags)! }), ...(description === undefined ? {} : { description }),
  };
  const files = [[card, writeCard(profile, lineage, settings)], [report, writeReport(profile, lineage, { title: name, by: `whetstone ${packageVersion()}` })]] as const;
  await mkdir(options.out, { recursive: true });
  for (const [file, text] of files) {
    await writeFile(`${file}.partial`, text);
    await rename(`${file}.partial`, file);
  }
  const aside = await bad.close();
  const { duplicates, piiRows, flawed } = profile;
  output.result(
    { card, report, rows: profile.rows, files: profile.files, format: profile.format, duplicates, languages: profile.languages, pii: profile.pii, piiRows, quality: profile.quality,
      flawed, bias: profile.bias, diversity: profile.diversity, lengths: profile.lengths.rows.report, lineage, bad: badReport(aside) },
    () => [`rows      ${count(profile.rows)}`, `copies    ${count(duplicates.exact)} with the text of an earlier row${duplicates.near === undefined ? '' : `, ${count(duplicates.near)} near duplicates`}`,
      `card      ${card}`, `report    ${report}`, ...badLines(aside)].join('\n'),
  );
  return EXIT.ok;
}

/** A card that somebody wrote is not lost by a mistyped folder. */
async function refuseOverwriting(card: string, allowed: boolean): Promise<void> {
  if (allowed || (await stat(card).catch(() => undefined)) === undefined) return;
  throw new EngineError(`${card}: expected no card there, came one. Name another folder, or --overwrite`,
    { code: 'ERR_INVALID_ARGUMENT', argument: 'out', expected: 'a folder without README.md', received: card });
}

async function readDescription(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch((error: Error) => {
    throw new EngineError(`--description: ${file} cannot be read (${error.message}). Name a Markdown file`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'description', expected: 'a Markdown file', received: file });
  })).trim();
}
