// The data report: one HTML file with figures, from a profile and a lineage. Pure.
import path from 'node:path';
import { bytes, count } from '../track/format.js';
import { barChart, dotChart } from '../track/html/bars.js';
import type { Bar } from '../track/html/bars.js';
import { binEdges, histogram } from '../track/html/histogram.js';
import { html } from '../track/html/html.js';
import type { Html } from '../track/html/html.js';
import { percent } from '../track/html/numbers.js';
import { page } from '../track/html/page.js';
import type { PageSection } from '../track/html/page.js';
import { note, pair, table, tiles } from '../track/html/parts.js';
import type { Tile } from '../track/html/parts.js';
import { mixedColumns } from './features.js';
import type { FeatureType } from './features.js';
import type { Lineage } from './lineage.js';
import { lineageGraph } from './lineage-graph.js';
import { splitOf } from './profile.js';
import type { Counts, Profile } from './profile.js';
import type { Lengths } from './quantiles.js';

export interface ReportOptions {
  readonly title: string;
  /** Name and version of the program, for the foot. */
  readonly by: string;
}

export function writeReport(profile: Profile, lineage: Lineage, { title, by }: ReportOptions): string {
  return page({
    kind: 'Data report', title,
    lead: `${count(profile.rows)} rows in ${profile.files.length} file${profile.files.length === 1 ? '' : 's'}, read as ${profile.format}. Measured over every row; where it is a sample, its size is said.`,
    sections: [overview(profile), lengthSection(profile), originSection(profile), duplicateSection(profile), qualitySection(profile), biasSection(profile),
      { id: 'lineage', title: 'Lineage', lead: 'What was made from what, joined by the hashes of contents.', body: lineageGraph(lineage) }],
    footer: `Written by ${by}. This file holds everything it needs and asks nothing from the network.`,
  });
}

function overview(profile: Profile): PageSection {
  const { rows, duplicates, flawed, files, piiRows, languages, diversity } = profile;
  const copies = duplicates.near ?? duplicates.exact;
  const items: Tile[] = [
    { label: 'Rows', value: count(rows), note: bytes(files.reduce((sum, one) => sum + one.bytes, 0)) },
    { label: 'Characters', value: short(profile.lengths.rows.report.total), note: `${count(profile.lengths.rows.report.mean)} a row` },
    { label: duplicates.near === undefined ? 'Duplicates' : 'Near duplicates', value: percent(rows === 0 ? 0 : copies / rows), note: `${count(copies)} rows`, ...toneOf(copies / rows, 0.01, 0.1) },
    { label: 'Languages', value: count(languages.filter(({ name }) => name !== 'unknown').length), note: languages.slice(0, 3).map(({ name }) => name).join(', ') },
    { label: 'Rows with a fault', value: percent(rows === 0 ? 0 : flawed / rows), note: `${count(flawed)} rows`, ...toneOf(flawed / rows, 0.01, 0.1) },
    { label: 'Rows with personal data', value: percent(rows === 0 ? 0 : piiRows / rows), note: `${count(piiRows)} rows`, ...toneOf(piiRows / rows, 0.0001, 0.01) },
    { label: 'Different rows', value: percent(diversity.vendi.rows === 0 ? 0 : diversity.vendi.score / diversity.vendi.rows), note: `Vendi score ${diversity.vendi.score.toFixed(1)} of ${diversity.vendi.rows}` },
  ];
  const mixed = mixedColumns(profile.fields);
  return {
    id: 'overview', title: 'At a glance', body: [
      tiles(items),
      diversity.warnings.map((warning) => note(`${warning}.`, 'warn')),
      mixed.length === 0 ? '' : note(`no one type holds all rows of ${mixed.join(', ')}. Loaders that need a type for each column will refuse or change them.`, 'warn'),
      pair(
        table({ caption: 'Parts', columns: [{ name: 'part' }, { name: 'file' }, { name: 'rows', numeric: true }, { name: 'size', numeric: true }],
          rows: files.map(({ file, rows: own, bytes: size }) => [splitOf(file), path.basename(file), count(own), bytes(size)]) }),
        table({ caption: 'Columns', columns: [{ name: 'name' }, { name: 'type' }], rows: [...profile.fields].map(([name, type]) => [name, html`<code>${typeText(type)}</code>`]) }),
      ),
    ],
  };
}

function toneOf(share: number, warn: number, bad: number): { tone?: 'good' | 'warn' | 'bad' } {
  if (!Number.isFinite(share)) return {};
  return { tone: share >= bad ? 'bad' : share >= warn ? 'warn' : 'good' };
}

function short(value: number): string {
  return value >= 1e6 ? `${(value / 1e6).toPrecision(3)} M` : count(value);
}

function typeText(type: FeatureType): string {
  if (type.kind === 'list') return `list of ${typeText(type.item)}`;
  if (type.kind === 'struct') return `{${[...type.fields].map(([name, one]) => `${name}: ${typeText(one)}`).join(', ')}}`;
  return type.kind;
}

function lengthSection({ lengths }: Profile): PageSection {
  const chart = (title: string, of: Lengths, half: boolean, x = 'characters'): Html | string => {
    const { rows, least, most, median, p95 } = of.report;
    if (rows === 0) return '';
    const log = most > 20 * Math.max(1, least) && most > 200;
    const edges = log ? binEdges(Math.max(1, least), most, half ? 26 : 44, true) : binEdges(least, most, half ? 26 : 44);
    return histogram([{ name: title, counts: of.histogram(edges) }], {
      title, half, x: log ? `${x} (logarithmic)` : x, y: 'rows', edges, log, format: (value) => count(Math.round(value)),
      marks: [{ x: median, name: `median ${count(median)}` }, { x: p95, name: `95 % ${count(p95)}` }],
    });
  };
  const parts = lengths.answers.report.rows > 0;
  const named = ([['rows', lengths.rows], ['prompts', lengths.prompts], ['answers', lengths.answers], ['messages', lengths.turns]] as const).filter(([, of]) => of.report.rows > 0);
  return {
    id: 'lengths', title: 'Lengths', lead: 'Characters of whole rows, of prompts and of answers. Rows beyond the context of a model are cut, left out or refused by training.',
    body: [
      chart('Length of rows', lengths.rows, false),
      parts ? pair(chart('Length of prompts', lengths.prompts, true), chart('Length of answers', lengths.answers, true)) : '',
      lengths.turns.report.rows > 0 ? chart('Messages in a conversation', lengths.turns, false, 'messages') : '',
      table({
        columns: [{ name: 'of' }, ...['least', '5 %', '25 %', 'median', '75 %', '95 %', '99 %', 'most', 'mean'].map((name) => ({ name, numeric: true }))],
        rows: named.map(([name, of]) => {
          const one = of.report;
          return [name, ...[one.least, one.p5, one.p25, one.median, one.p75, one.p95, one.p99, one.most, Math.round(one.mean)].map(count)];
        }),
      }),
    ],
  };
}

function originSection({ sources, languages, rows }: Profile): PageSection {
  return { id: 'origin', title: 'Sources and languages', body: pair(bars('Sources', sources, rows), bars('Languages', languages, rows, 2)) };
}

function bars(title: string, counts: Counts, rows: number, color = 0): Html {
  return barChart(counts.map(({ name, rows: value }): Bar => ({ label: name, value, color, note: `(${percent(value / rows)})` })), { title, value: 'rows', half: true, most: 16, format: count });
}

function duplicateSection({ duplicates, rows }: Profile): PageSection {
  const { exact, near, clusters } = duplicates;
  const sizes = clusters.map((value, i): Bar => ({ label: i === 8 ? '10 or more rows' : `${i + 2} rows`, value })).filter(({ value }) => value > 0);
  return {
    id: 'duplicates', title: 'Duplicates', lead: 'Copies count twice in training, and between training and test rows they turn a test of skill into one of memory.',
    body: [
      table({ columns: [{ name: 'found' }, { name: 'rows', numeric: true }, { name: 'share', numeric: true }], rows: [
        ['same text as an earlier row', count(exact), percent(rows === 0 ? 0 : exact / rows)],
        ['near duplicate of an earlier row, the same ones included', near === undefined ? 'not looked for' : count(near), near === undefined ? '' : percent(rows === 0 ? 0 : near / rows)],
      ] }),
      (duplicates.acrossParts ?? 0) > 0 ? note(`${count(duplicates.acrossParts!)} rows of validation or test have a near duplicate in another part. Split again with \`whetstone data split\`, which keeps them together.`, 'bad') : '',
      sizes.length === 0 ? '' : barChart(sizes, { title: 'Clusters of near duplicates by size', value: 'clusters', format: count }),
    ],
  };
}

function qualitySection({ format, quality, flawed, pii, piiRows, rows }: Profile): PageSection {
  return {
    id: 'quality', title: 'Quality and personal data',
    lead: format === 'text' ? 'The filters of Gopher, C4 and FineWeb, made for pages of the web.' : 'Checks of chats: empty, cut-off and echoed answers, refusals, another language than the question, broken Markdown or JSON, leaked template tokens.',
    body: pair(
      quality.length === 0 ? note('No row has a fault.') : bars(`Faults, in ${count(flawed)} rows`, quality, rows, 1),
      pii.length === 0 ? note('Nothing was found that looks like personal data or a secret.')
        : barChart(pii.map(({ name, rows: value }) => ({ label: name, value, color: 5 })), { title: `Personal data and secrets, in ${count(piiRows)} rows`, value: 'finds', half: true, format: count }),
    ),
  };
}

function biasSection({ bias }: Profile): PageSection {
  const axes = [...new Set(bias.groups.map(({ axis }) => axis))];
  const shown = bias.associations.slice(0, 24);
  return {
    id: 'bias', title: 'Bias',
    lead: `Whom ${count(bias.sentences)} sentences speak of, by English words, and which occupations and judgements stand in one sentence with which groups. Whiskers are 95 % intervals.`,
    body: [
      bias.groups.length === 0 ? note('No sentence has a word of any group.')
        : dotChart(bias.groups.map(({ axis, group, share, interval: [low, high], sentences }): Bar => ({ label: `${axis}: ${group}`, value: share, low, high, color: axes.indexOf(axis), note: `(${count(sentences)})` })), {
          title: 'Groups', note: 'As shares of the sentences that speak of any group of the axis; in brackets the sentences.', value: 'share of the axis', format: percent,
        }),
      shown.length === 0 ? note(`Of ${bias.tests} pairs that were tested, none stands together beyond chance (5 % false discoveries).`)
        : dotChart(shown.map(({ axis, group, target, logOdds, interval: [low, high] }): Bar => ({ label: `${group}: ${target}`, value: logOdds, low, high, color: axes.indexOf(axis) })), {
          title: 'Pairs beyond chance', note: `Log-odds against the other groups of the axis, of ${bias.tests} pairs tested; 5 % of those shown may be chance.`, value: 'log-odds', reference: 0,
        }),
    ],
  };
}
