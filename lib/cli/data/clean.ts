// `whetstone data clean`: writes the rows that are fit, keeps the others with their reasons, and undoes it.

import { clean } from '../../curate/clean.js';
import type { CleanReport } from '../../curate/clean.js';
import { undoClean } from '../../curate/undo.js';
import { openSource } from '../../data/source.js';
import { EngineError } from '../../errors.js';
import { count } from '../../track/format.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';
import { watchSignals } from '../signals.js';
import { pipelineOf, tokenizerFor } from './curate-options.js';
import type { CurateOptions } from './curate-options.js';
import { progressOf } from './curate-progress.js';
import { readingOf } from './reading.js';

interface Options extends CurateOptions {
  readonly output?: string;
  readonly undo?: string;
  readonly step?: readonly string[];
  readonly to?: string;
}

export async function cleanCommand(output: Output, options: Options, ...names: (string | readonly string[])[]): Promise<number> {
  if (options.undo !== undefined) {
    const undone = await undoClean(options.undo, { to: options.to, steps: options.step });
    output.result(undone, () => undone.files.map(({ file, restored, rows, identical, ownLines }) =>
      `${restored}: ${count(rows)} rows${identical !== true ? '' : ownLines ? `, every byte as in ${file}` : `, every row as it was read from ${file}`}`).join('\n'));
    return EXIT.ok;
  }
  if (options.output === undefined || names.flat().length === 0) {
    throw new EngineError('data clean: expected files and --output FOLDER, or --undo FOLDER', { code: 'ERR_INVALID_ARGUMENT', argument: 'output', expected: 'a folder', received: 'nothing' });
  }
  const config = await pipelineOf(options);
  const { files } = await openSource(names.flat(), readingOf(options));
  const progress = await progressOf(output, files);
  const controller = new AbortController();
  const stopped = new Error('interrupted; the same command goes on from here');
  using signals = watchSignals({ stop: () => controller.abort(stopped), cancel: () => controller.abort(stopped) }, () => undefined);
  try {
    const report = await clean(files, config, { ...readingOf(options), ...await tokenizerFor(output, config), output: options.output, signal: controller.signal, onProgress: progress.report });
    progress.clear();
    output.result({ output: options.output, ...report }, () => describe(report, options.output!));
    return EXIT.ok;
  } catch (error) {
    progress.clear();
    if (signals.exitCode === undefined) throw error;
    output.say(stopped.message);
    return signals.exitCode;
  }
}

function describe(report: CleanReport, folder: string): string {
  const pseudonyms = Object.entries(report.pseudonyms);
  return [
    `rows       ${count(report.rows)}`,
    `kept       ${count(report.kept)} in ${folder}/clean.jsonl`,
    `removed    ${count(report.removed)} in ${folder}/removed.jsonl`,
    ...Object.entries(report.reasons).map(([reason, rows]) => `  ${count(rows).padStart(10)}  ${reason}`),
    ...(report.changed === 0 ? [] : [`changed    ${count(report.changed)}, which are in ${folder}/changed.jsonl as they were`]),
    ...Object.entries(report.changedBy).map(([step, rows]) => `  ${count(rows).padStart(10)}  ${step}`),
    ...(pseudonyms.length === 0 ? [] : [`replaced   ${pseudonyms.map(([kind, values]) => `${kind} ${count(values)}`).join(', ')}`]),
    `undo       whetstone data clean --undo ${folder}`,
  ].join('\n');
}
