// `whetstone score`: answers against references. Corpus scores with their signatures and intervals, means of scores of
// single lines, and with --paired whether systems really differ from the first.

import { EngineError } from '../errors.js';
import {
  aggregateRouge, answerF1, approximateRandomization, Bleu, bleu, bootstrap, Chrf, chrf, exactMatch, holm, pairedBootstrap, pairedTest,
  RougeScorer, Ter, ter,
} from '../score/index.js';
import type { BleuSmoothing, BleuTokenizer, CorpusMetric, CorpusScore, RougeTokenizer, RougeType } from '../score/index.js';
import { fixed } from '../score/text/fixed.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';
import { packageVersion } from './program.js';
import { checkSameLines, readTexts } from './score-files.js';

interface Options {
  readonly ref: readonly string[];
  readonly metric?: readonly string[];
  readonly field: string;
  readonly tokenizer?: BleuTokenizer;
  readonly smoothing: BleuSmoothing;
  readonly lowercase?: boolean;
  readonly stemmer?: boolean;
  readonly words: RougeTokenizer;
  readonly resamples: number;
  readonly paired?: 'bs' | 'ar';
  readonly samples?: number;
  readonly seed: number;
  readonly digits: number;
}

interface Row {
  readonly metric: string;
  readonly score: number;
  readonly signature: string;
  readonly interval?: { readonly low: number; readonly high: number; readonly mean?: number; readonly halfWidth?: number };
  /** Against the first system, and raised for the number of systems compared. */
  readonly p?: number;
  readonly pHolm?: number;
}

interface System {
  readonly file: string;
  readonly answers: readonly string[];
}

type Lines = readonly (readonly string[])[];

const ROUGE = /^rouge([1-9]|L|Lsum)$/;

function corpusMetric(name: string, options: Options): CorpusMetric | undefined {
  const lowercase = options.lowercase ?? false;
  if (name === 'bleu') return new Bleu({ lowercase, smoothing: options.smoothing, ...(options.tokenizer ? { tokenizer: options.tokenizer } : {}) });
  if (name === 'chrf' || name === 'chrf++') return new Chrf({ lowercase, wordOrder: name === 'chrf' ? 0 : 2 });
  return name === 'ter' ? new Ter({}) : undefined;
}

function corpusRow(name: string, answers: readonly string[], references: Lines, options: Options): Row {
  const lowercase = options.lowercase ?? false;
  const draw = { resamples: options.resamples, seed: options.seed };
  const score: CorpusScore = name === 'bleu'
    ? bleu(answers, references, { ...draw, lowercase, smoothing: options.smoothing, ...(options.tokenizer ? { tokenizer: options.tokenizer } : {}) })
    : name === 'ter' ? ter(answers, references, draw) : chrf(answers, references, { ...draw, lowercase, wordOrder: name === 'chrf' ? 0 : 2 });
  return { metric: score.name, score: score.score, signature: score.signature, ...(score.interval ? { interval: score.interval } : {}) };
}

/** Scores of single lines, in percent. */
function lineScores(name: string, answers: readonly string[], references: Lines, options: Options): readonly number[] {
  if (ROUGE.test(name)) {
    const scorer = new RougeScorer({ types: [name as RougeType], stemmer: options.stemmer ?? false, tokenizer: options.words });
    return answers.map((answer, i) => 100 * scorer.scoreMulti(references[i]!, answer)[name as RougeType].fmeasure);
  }
  return answers.map((answer, i) => 100 * (name === 'exact' ? exactMatch(answer, references[i]!) : answerF1(answer, references[i]!)));
}

function lineRow(name: string, answers: readonly string[], references: Lines, options: Options): Row {
  const scores = lineScores(name, answers, references, options);
  const signature = ROUGE.test(name) ? `tok:${options.words}|stem:${options.stemmer ? 'yes' : 'no'}|measure:f` : 'norm:squad';
  const row = { metric: name, score: scores.reduce((sum, score) => sum + score, 0) / scores.length, signature };
  if (options.resamples === 0) return row;
  const draw = { resamples: options.resamples, seed: options.seed };
  if (!ROUGE.test(name)) return { ...row, interval: bootstrap(scores, draw) };
  const type = name as RougeType;
  const { low, high } = aggregateRouge(scores.map((fmeasure) => ({ [type]: { precision: 0, recall: 0, fmeasure } })) as never, draw)[type];
  return { ...row, interval: { low: low.fmeasure, high: high.fmeasure } };
}

function pairedRows(name: string, systems: readonly System[], references: Lines, options: Options): readonly Row[] {
  const test = options.paired!;
  const count = options.samples === undefined ? {} : { samples: options.samples };
  const metric = corpusMetric(name, options);
  let rows: Row[];
  if (metric !== undefined) {
    rows = pairedTest(systems.map(({ file, answers }) => ({ name: file, hypotheses: answers })), references, [metric],
      { test, seed: options.seed, ...count, ...(test === 'ar' ? { resamples: options.resamples } : {}) })
      .map((r) => ({ metric: r.metric, score: r.score, signature: r.signature, ...(r.interval ? { interval: r.interval } : {}), ...(r.p === undefined ? {} : { p: r.p }) }));
  } else {
    const draws = options.samples ?? (test === 'bs' ? 1000 : 10000);
    const all = systems.map(({ answers }) => lineScores(name, answers, references, options));
    rows = systems.map(({ answers }, i) => {
      const row = lineRow(name, answers, references, options);
      if (i === 0) return row;
      const { p } = test === 'bs' ? pairedBootstrap(all[0]!, all[i]!, { resamples: draws, seed: options.seed })
        : approximateRandomization(all[0]!, all[i]!, { trials: draws, seed: options.seed });
      return { ...row, p };
    });
  }
  const raised = holm(rows.slice(1).map((row) => row.p!));
  return rows.map((row, i) => i === 0 ? row : { ...row, pHolm: raised[i - 1]! });
}

function show({ metric, score, signature, interval, p, pHolm }: Row, digits: number): string {
  const range = interval === undefined ? '' : `  [${fixed(interval.low, digits)}, ${fixed(interval.high, digits)}]`;
  const chance = p === undefined ? '' : `  p = ${p.toFixed(4)}${pHolm === p ? '' : ` (${pHolm!.toFixed(4)} for all together)`}`;
  return `  ${metric.padEnd(9)} ${fixed(score, digits).padStart(digits + 4)}${range}${chance}  ${signature}`;
}

export async function scoreCommand(output: Output, options: Options, files: readonly string[]): Promise<number> {
  if (options.paired && files.length < 2) {
    throw new EngineError('--paired: expected the files of two systems or more, got one', {
      code: 'ERR_INVALID_ARGUMENT', argument: '--paired', expected: 'the files of two systems or more', received: 'one',
    });
  }
  if (new Set(files).size < files.length) {
    throw new EngineError('hypotheses: expected every file once, got one twice', {
      code: 'ERR_INVALID_ARGUMENT', argument: 'hypotheses', expected: 'every file once', received: 'one twice',
    });
  }
  const systems: System[] = [];
  for (const file of files) systems.push({ file, answers: await readTexts(file, options.field) });
  const streams: (readonly string[])[] = [];
  for (const file of options.ref) streams.push(await readTexts(file, options.field));
  const count = streams[0]!.length;
  streams.forEach((texts, i) => checkSameLines(options.ref[i]!, texts.length, options.ref[0]!, count));
  for (const { file, answers } of systems) checkSameLines(file, answers.length, options.ref[0]!, count);
  const references = streams[0]!.map((_, i) => streams.map((texts) => texts[i]!));

  const metrics = options.metric ?? ['bleu', 'chrf'];
  const single = (name: string, answers: readonly string[]): Row =>
    corpusMetric(name, options) ? corpusRow(name, answers, references, options) : lineRow(name, answers, references, options);
  const byMetric = metrics.map((name) => options.paired ? pairedRows(name, systems, references, options)
    : systems.map(({ answers }) => single(name, answers)));
  const results = systems.map(({ file }, i) => ({ system: file, scores: byMetric.map((rows) => rows[i]!) }));
  output.result(
    { lines: count, implementation: `whetstone ${packageVersion()}`, references: options.ref, ...(options.paired ? { paired: options.paired, baseline: files[0] } : {}), systems: results },
    () => results.map(({ system, scores }, i) =>
      [`${system}${options.paired && i === 0 ? ' (baseline)' : ''}`, ...scores.map((row) => show(row, options.digits))].join('\n')).join('\n'),
  );
  return EXIT.ok;
}
