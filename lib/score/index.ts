// The public door of the scores: `import { bleu } from 'whetstone/score'`. Pure functions; nothing is read or written.

export { Bleu, bleu, sentenceBleu } from './bleu/bleu.js';
export type { BleuOptions, BleuScore, BleuSmoothing } from './bleu/bleu.js';
export { BLEU_TOKENIZERS, bleuTokenizer } from './bleu/tokenizers.js';
export type { BleuTokenizer } from './bleu/tokenizers.js';
export { Chrf, chrf, sentenceChrf } from './chrf/chrf.js';
export type { ChrfOptions } from './chrf/chrf.js';
export { sentenceTer, Ter, ter } from './ter/ter.js';
export type { TerOptions, TerScore } from './ter/ter.js';
export { formatScore } from './corpus/score.js';
export type { CorpusScore, ResampleOptions } from './corpus/score.js';
export type { Interval } from './corpus/resample.js';
export { pairedTest } from './corpus/paired.js';
export type { NamedSystem, PairedOptions, PairedResult } from './corpus/paired.js';
export type { CorpusMetric } from './corpus/metric.js';
export type { References } from './corpus/segments.js';

export { RougeScorer, rouge } from './rouge/rouge.js';
export type { RougeOptions, RougeScore, RougeScores, RougeType } from './rouge/rouge.js';
export { aggregateRouge } from './rouge/aggregate.js';
export type { AggregateOptions, AggregateScore } from './rouge/aggregate.js';
export type { RougeTokenizer } from './rouge/tokenize.js';
export { porterStem } from './rouge/porter.js';

export { classification, matthews } from './labels/classification.js';
export type { ClassificationOptions, ClassificationReport, Label } from './labels/classification.js';
export type { Rates } from './labels/rates.js';
export { brierScore, calibration, logLoss } from './labels/calibration.js';
export type { Calibration, CalibrationBin } from './labels/calibration.js';
export { entityScores } from './labels/entities.js';
export type { EntityOptions, EntityReport } from './labels/entities.js';
export { lenientEntities, strictEntities, TAG_SCHEMES } from './labels/schemes.js';
export type { Entity, TagScheme } from './labels/schemes.js';
export { edits, errorRate } from './error-rate.js';
export type { ErrorRate } from './error-rate.js';

export { answerWords, normalizeAnswer } from './answers/normalize.js';
export { answerF1, exactMatch, squad, squadV2 } from './answers/squad.js';
export type { GivenAnswer, Question, SquadScore, SquadV2Score } from './answers/squad.js';
export { truthfulMc1, truthfulMc2 } from './answers/truthful.js';
export { passAtK, passAtKOne } from './answers/pass-at-k.js';
export type { ProblemSamples } from './answers/pass-at-k.js';
export { distinct, selfBleu } from './model/diversity.js';
export { measureText, perplexities } from './model/perplexity.js';
export type { Perplexities, TextLoss } from './model/perplexity.js';

export { mcnemar, mcnemarCounts, wilson } from './compare/shares.js';
export type { McNemar, Range } from './compare/shares.js';
export { bootstrap, pairedBootstrap } from './compare/bootstrap.js';
export type { Difference, Estimate, ResamplingOptions } from './compare/bootstrap.js';
export { approximateRandomization } from './compare/randomization.js';
export type { Randomization, RandomizationOptions } from './compare/randomization.js';
export { benjaminiHochberg, holm } from './compare/corrections.js';
export { detectableAccuracyGain, detectableEffect, neededItems } from './compare/power.js';
export type { PowerOptions } from './compare/power.js';
export { normalQuantile, normalTail } from './compare/normal.js';
