// The dataset card: README.md as the hub wants it, front matter first, then what was measured, in plain tables. Pure:
// profile, lineage and what the user says in, text out.
import path from 'node:path';
import { stringify } from 'yaml';
import { checkFrontMatter, sizeCategory } from './card-check.js';
import type { FrontMatter } from './card-check.js';
import { featureYaml, mixedColumns } from './features.js';
import type { Lineage } from './lineage.js';
import { splitOf } from './profile.js';
import type { Counts, Profile } from './profile.js';
import type { LengthReport } from './quantiles.js';

export interface CardOptions {
  readonly name: string;
  readonly license: string;
  readonly licenseName?: string;
  readonly licenseLink?: string;
  /** Absent: those found in at least 1 % of the rows. */
  readonly language?: readonly string[];
  /** Absent: by the format of the rows. */
  readonly tasks?: readonly string[];
  readonly tags?: readonly string[];
  /** What the data are for and where they come from, in the user's words (Markdown). */
  readonly description?: string;
}

export function frontMatter(profile: Profile, lineage: Lineage, options: CardOptions): FrontMatter {
  const parts = (['train', 'validation', 'test'] as const).map((split) => ({ split, files: profile.files.filter(({ file }) => splitOf(file) === split) }))
    .filter(({ files }) => files.length > 0);
  const language = options.language ?? languagesOf(profile);
  const splits = parts.map(({ split, files }) => ({
    name: split, num_bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), num_examples: files.reduce((sum, { rows }) => sum + rows, 0),
  }));
  const card: FrontMatter = {
    pretty_name: options.name, license: options.license,
    ...(options.licenseName === undefined ? {} : { license_name: options.licenseName }), ...(options.licenseLink === undefined ? {} : { license_link: options.licenseLink }),
    ...(language.length === 0 ? {} : { language }),
    task_categories: options.tasks ?? [TASK_OF[profile.format] ?? 'text-generation'], size_categories: [sizeCategory(profile.rows)],
    ...(options.tags === undefined || options.tags.length === 0 ? {} : { tags: options.tags }),
    configs: [{ config_name: 'default', data_files: parts.flatMap(({ split, files }) => (files.length === 1
      ? [{ split, path: path.basename(files[0]!.file) }] : [{ split, path: commonPattern(files.map(({ file }) => path.basename(file))) }])) }],
    dataset_info: {
      features: [...profile.fields].map(([name, type]) => featureYaml(name, type)), splits,
      download_size: lineage.files.reduce((sum, { bytes }) => sum + bytes, 0), dataset_size: splits.reduce((sum, one) => sum + one.num_bytes, 0),
    },
  };
  checkFrontMatter(card);
  return card;
}

const TASK_OF: Readonly<Record<string, string>> = { preference: 'reinforcement-learning', kto: 'reinforcement-learning' };

/** Several files of one split: the pattern between their common beginning and end. */
function commonPattern(names: readonly string[]): string {
  const first = names[0]!;
  let begin = 0;
  while (begin < first.length && names.every((name) => name[begin] === first[begin])) begin++;
  let end = 0;
  while (end < first.length - begin && names.every((name) => name.length - end > begin && name.at(-1 - end) === first.at(-1 - end))) end++;
  return `${first.slice(0, begin)}*${end === 0 ? '' : first.slice(-end)}`;
}

function languagesOf({ languages, rows }: Profile): string[] {
  return languages.filter(({ name, rows: count }) => name !== 'unknown' && count >= rows / 100).map(({ name }) => name);
}

/** The text of README.md. */
export function writeCard(profile: Profile, lineage: Lineage, options: CardOptions): string {
  const matter = stringify(frontMatter(profile, lineage, options), { lineWidth: 0 });
  return `---\n${matter}---\n\n${sections(profile, lineage, options).join('\n\n')}\n`;
}

function sections(profile: Profile, lineage: Lineage, options: CardOptions): string[] {
  const { rows, duplicates, lengths, bias, diversity } = profile;
  const share = (count: number): string => (rows === 0 ? '0 %' : `${((100 * count) / rows).toFixed(count > 0 && count < rows / 1000 ? 3 : 1)} %`);
  const mixed = mixedColumns(profile.fields);
  return [
    `# ${plain(options.name)}`,
    options.description ?? 'No description was given.',
    'The numbers below are measured over every row; where it is a sample, its size is said.',
    '## Rows and parts',
    table(['part', 'file', 'rows', 'bytes'], profile.files.map(({ file, rows: count, bytes }) => [splitOf(file), path.basename(file), count, bytes])),
    `Rows are read as \`${profile.format}\`. Columns: ${[...profile.fields.keys()].map(code).join(', ')}.` +
      (mixed.length === 0 ? '' : ` **Columns without one type for all rows** (given as string above): ${mixed.map(code).join(', ')}.`),
    '## Lengths',
    table(['characters of', 'mean', 'median', '5 %', '95 %', '99 %', 'longest'], ([
      ['rows', lengths.rows.report], ['prompts', lengths.prompts.report], ['answers', lengths.answers.report],
    ] as const).filter(([, one]) => one.rows > 0).map(([name, one]) => [name, ...lengthCells(one)])) +
      (lengths.turns.report.rows > 0 ? `\n\nMessages in a conversation: median ${lengths.turns.report.median}, most ${lengths.turns.report.most}.` : ''),
    '## Sources and languages',
    counts('source', profile.sources, share),
    counts('language', profile.languages, share),
    '## Quality',
    table(['found', 'rows', 'share'], [
      ['same text as an earlier row', duplicates.exact, share(duplicates.exact)],
      ['near duplicate of an earlier row', duplicates.near ?? 'not looked for', duplicates.near === undefined ? '' : share(duplicates.near)],
      ['in validation or test, with a near duplicate in another part', duplicates.acrossParts ?? 'not looked for', duplicates.acrossParts === undefined ? '' : share(duplicates.acrossParts)],
      [profile.format === 'text' ? 'the filters of Gopher, C4 or FineWeb would remove it' : 'a check of chats finds a fault', profile.flawed, share(profile.flawed)],
    ]),
    ...(profile.quality.length === 0 ? [] : [counts('fault', profile.quality, share)]),
    '## Diversity',
    `Different words, pairs and triples for each one counted (in at most 200,000 words): ${diversity.distinct.map((one) => one.toFixed(3)).join(', ')}. ` +
      `Vendi score: a sample of ${diversity.vendi.rows} rows counts as ${diversity.vendi.score.toFixed(1)} different ones.` +
      (diversity.selfBleu === undefined ? '' : ` Self-BLEU of ${diversity.selfBleu.rows} rows: ${diversity.selfBleu.score.toFixed(1)}.`) +
      (diversity.typeToken === undefined ? '' : ` Different words in a hundred: ${(100 * diversity.typeToken).toFixed(0)}.`) +
      diversity.warnings.map((warning) => ` **${plain(warning)}.**`).join(''),
    ...(diversity.tasks.most.length === 0 ? [] : [`What prompts ask for, by English words (${share(diversity.tasks.found)} of the rows; kinds: ${diversity.tasks.kinds.toLocaleString('en-US')}):\n\n${table(['task', 'rows', 'share'], diversity.tasks.most.slice(0, 12).map(({ verb, noun, rows: n }) => [`${verb} ${noun}`, n, share(n)]))}`]),
    '## Personal data',
    profile.pii.length === 0 ? 'Nothing was found that looks like personal data or a secret.'
      : `${profile.piiRows.toLocaleString('en-US')} rows (${share(profile.piiRows)}) hold something that looks like personal data or a secret.\n\n${table(['kind', 'finds'], profile.pii.map(({ name, rows: count }) => [name, count]))}`,
    '## Bias',
    `Groups of people by English words in ${bias.sentences.toLocaleString('en-US')} sentences: whom the rows speak of, as shares of the sentences of each axis.`,
    bias.groups.length === 0 ? 'No sentence has a word of any group.'
      : table(['axis', 'group', 'sentences', 'share of axis', '95 % interval'], bias.groups.map(({ axis, group, sentences, share: part, interval: [low, high] }) =>
        [axis, group, sentences, percent(part), `${percent(low)} to ${percent(high)}`])),
    bias.associations.length === 0 ? `Of ${bias.tests} pairs of a group and an occupation or a judgement that were tested, none stands together beyond chance (5 % false discoveries).`
      : `Pairs that stand in one sentence beyond chance, of ${bias.tests} tested (log-odds with an informative prior, 95 % intervals, 5 % false discoveries):\n\n` +
        table(['axis', 'group', 'word', 'kind', 'sentences', 'log-odds', '95 % interval'], bias.associations.slice(0, 20).map(({ axis, group, target, kind, count, logOdds, interval: [low, high] }) =>
          [axis, group, target, kind, count, logOdds.toFixed(2), `${low.toFixed(2)} to ${high.toFixed(2)}`])),
    '## Lineage',
    lineageText(lineage),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function lengthCells(one: LengthReport): (string | number)[] {
  return [Math.round(one.mean), one.median, one.p5, one.p95, one.p99, one.most];
}

function counts(title: string, found: Counts, share: (count: number) => string): string {
  const most = 30;
  const rest = found.slice(most).reduce((sum, { rows }) => sum + rows, 0);
  return table([title, 'rows', 'share'], [
    ...found.slice(0, most).map(({ name, rows }) => [name, rows, share(rows)]), ...(rest > 0 ? [[`${found.length - most} others`, rest, share(rest)]] : []),
  ]);
}

function lineageText({ steps, files }: Lineage): string {
  const hash = (sha256: string): string => `\`${sha256.slice(0, 16)}\``;
  const files_ = table(['file', 'bytes', 'SHA-256'], files.map(({ file, bytes, sha256 }) => [path.basename(file), bytes, `\`${sha256}\``]));
  if (steps.length === 0) return `${files_}\n\nNo record of an earlier step lies beside these files: they are the origin.`;
  const chain = steps.map(({ step, sha256, from, to }, i) =>
    `${i + 1}. **${plain(step)}** (record ${hash(sha256)}): ${from.map((one) => `${plain(path.basename(one.file))} ${hash(one.sha256)}`).join(', ')} → ` +
    to.map((one) => `${plain(path.basename(one.file))} ${hash(one.sha256)}`).join(', '));
  return `${files_}\n\nSteps, the oldest first; files are joined by the beginnings of their SHA-256.\n\n${chain.join('\n')}`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-US') : /^`[0-9a-f]+`$/.test(cell) ? cell : plain(cell))).join(' | ')} |`;
  return [line(head), `|${head.map((_, i) => (rows.length > 0 && rows.every((row) => typeof row[i] === 'number') ? '---:' : '---')).join('|')}|`, ...rows.map(line)].join('\n');
}

/** A name as code, where it is a plain one. */
function code(name: string): string {
  return /^[\w.[\]-]+$/.test(name) ? `\`${name}\`` : plain(name);
}

/** Text of the data in Markdown: it can neither break a table nor become markup. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x1f\x7f\u2028\u2029]+/g, ' ').replace(/[\\`*_{}[\]<>#|~!]/g, (char) => (char === '<' ? '&lt;' : char === '>' ? '&gt;' : `\\${char}`));
}
