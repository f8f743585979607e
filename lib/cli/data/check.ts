// `whetstone data check`: what cleaning would take out and why, and what the rest is like.

import { examine } from '../../curate/examine.js';
import type { Examination } from '../../curate/examine.js';
import type { Measures } from '../../curate/measures.js';
import { openSource } from '../../data/source.js';
import { count } from '../../track/format.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';
import { pipelineOf, tokenizerFor } from './curate-options.js';
import type { CurateOptions } from './curate-options.js';
import { progressOf } from './curate-progress.js';
import { figureLines, topLines } from './figures.js';
import { readingOf } from './reading.js';

interface Options extends CurateOptions {
  readonly sourceField?: string;
}

export async function checkCommand(output: Output, options: Options, ...names: (string | readonly string[])[]): Promise<number> {
  const config = await pipelineOf(options);
  const { files } = await openSource(names.flat(), readingOf(options));
  const progress = await progressOf(output, files);
  const found = await examine(files, config, {
    ...readingOf(options), ...await tokenizerFor(output, config), measure: true, sourceField: options.sourceField, onProgress: progress.report,
  });
  progress.clear();
  const { decisions, measures, figures } = found;
  const reasons = decisions.counts();
  const removed = reasons.reduce((sum, [, rows]) => sum + rows, 0);
  output.result({
    files, detection: found.detection, rows: decisions.count, kept: decisions.count - removed, removed, reasons: Object.fromEntries(reasons),
    examples: found.examples, measures, figures, evaluation: found.evaluation,
  }, () => [
    `rows       ${count(decisions.count)}${found.detection === undefined ? '' : ` of format ${found.detection.format}`} in ${files.length} files`,
    `fit        ${count(decisions.count - removed)}, ${count(removed)} would go`,
    ...reasons.map(([reason, rows]) => `  ${count(rows).padStart(10)}  ${reason}`),
    ...evaluationLine(found),
    ...examplesOf(found),
    ...(measures === undefined || measures.rows === 0 ? [] : describe(measures)),
    ...(figures === undefined || measures?.rows === 0 ? [] : figureLines(figures)),
  ].join('\n'));
  return EXIT.ok;
}

export function evaluationLine({ evaluation }: Pick<Examination, 'evaluation'>): readonly string[] {
  return evaluation === undefined ? []
    : [`looked for ${count(evaluation.rows)} evaluation rows${evaluation.tooShort === 0 ? '' : ` (${count(evaluation.tooShort)} are too short to be found)`}`];
}

function examplesOf({ examples }: Examination): readonly string[] {
  return examples.length === 0 ? [] : ['', 'examples', ...examples.slice(0, 24).map(({ reason, file, row, detail }) =>
    `  ${reason}  ${file}:${row}${detail === undefined ? '' : `  ${(typeof detail === 'string' ? detail : JSON.stringify(detail)).slice(0, 160)}`}`)];
}

function describe(measures: Measures): readonly string[] {
  const { languages, pii, piiRows, diversity, bias, rows } = measures;
  return [
    '',
    'what is fit',
    `personal   ${piiRows === 0 ? 'nothing found' : `${count(piiRows)} rows: ${Object.entries(pii).map(([kind, of]) => `${kind} ${count(of)}`).join(', ')}`}`,
    `diversity  distinct words ${diversity.distinct.map((share) => share.toFixed(3)).join(' / ')} (1, 2, 3), entropy ${diversity.entropy.map((bits) => bits.toFixed(2)).join(' / ')} bits` +
      `${diversity.typeToken === undefined ? '' : `, ${(100 * diversity.typeToken).toFixed(0)} different words in a hundred`}`,
    `           ${diversity.selfBleu === undefined ? '' : `self-BLEU ${diversity.selfBleu.score.toFixed(1)} (${diversity.selfBleu.rows} rows), `}a sample of ${diversity.vendi.rows} counts as ${diversity.vendi.score.toFixed(1)} different rows`,
    ...(diversity.tasks.most.length === 0 ? [] : [`asked      ${diversity.tasks.most.slice(0, 8).map(({ verb, noun, rows: of }) => `${verb} ${noun} ${count(of)}`).join(', ')} … (in ${count(diversity.tasks.found)} of ${count(diversity.tasks.prompts)} prompts; kinds: ${count(diversity.tasks.kinds)})`]),
    ...diversity.warnings.map((warning) => `warning    ${warning}`),
    `bias       ${bias.associations.length} of ${count(bias.tests)} associations hold (5 % false discoveries)`,
    ...bias.associations.slice(0, 8).map(({ axis, group, target, logOdds, interval, count: with_, others }) =>
      `  ${axis}: ${group} with "${target}" ${logOdds > 0 ? 'more' : 'less'} often than others: log-odds ${logOdds.toFixed(2)} ` +
      `[${interval.map((end) => end.toFixed(2)).join(', ')}], ${with_} against ${others}`),
    '', 'languages', ...topLines(Object.entries(languages).map(([name, of]) => ({ name, rows: of })), rows),
  ];
}
