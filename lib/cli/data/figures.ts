// Figures of `whetstone data check` as text: histograms of lengths, sources and languages in bars.

import type { Figure, FigureName, FiguresReport } from '../../curate/figures.js';
import { count } from '../../track/format.js';

const WIDTH = 32;
const SHOWN = 12;
const TITLES: Readonly<Record<FigureName, string>> = {
  rows: 'characters of rows', prompts: 'characters of prompts', answers: 'characters of answers', messages: 'messages of conversations',
  tokens: 'tokens of rows', answerTokens: 'tokens of answers',
};

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const bar = (share: number): string => '█'.repeat(Math.round(share * WIDTH)) || (share > 0 ? '▏' : '');

/** A line each: name, bar, rows, share of all. */
export function barLines(bars: readonly { readonly name: string; readonly rows: number }[], all: number): readonly string[] {
  const most = Math.max(1, ...bars.map(({ rows }) => rows));
  const width = Math.max(...bars.map(({ name }) => name.length), 10);
  return bars.map(({ name, rows }) => `  ${name.padStart(width)}  ${bar(rows / most).padEnd(WIDTH)}  ${count(rows).padStart(9)}  ${percent(rows / Math.max(1, all)).padStart(7)}`);
}

/** The first ones, and all others together. */
export function topLines(counts: readonly { readonly name: string; readonly rows: number }[], all: number): readonly string[] {
  const rest = counts.slice(SHOWN);
  const others = rest.reduce((sum, { rows }) => sum + rows, 0);
  return barLines([...counts.slice(0, SHOWN), ...(rest.length === 0 ? [] : [{ name: `${rest.length} others`, rows: others }])], all);
}

export function figureLines({ lengths, sources }: FiguresReport): readonly string[] {
  const all = lengths.rows?.rows ?? 0;
  return [
    ...(Object.entries(lengths) as [FigureName, Figure][]).flatMap(([name, figure]) => ['', ...lengthLines(TITLES[name], figure)]),
    ...(sources.length < 2 ? [] : ['', 'sources', ...topLines(sources, all)]),
  ];
}

function lengthLines(title: string, { rows, edges, counts, p5, median, p95, most, total }: Figure): readonly string[] {
  const bins = counts.map((inBin, i) => {
    const last = edges[i + 1]! - (i === counts.length - 1 ? 0 : 1);
    return { name: edges[i]! >= last ? count(edges[i]!) : `${count(edges[i]!)}–${count(last)}`, rows: inBin };
  });
  return [`${title}: median ${count(median)}, 5 to 95 % ${count(p5)} to ${count(p95)}, most ${count(most)}, ${count(total)} in all`, ...barLines(bins, rows)];
}
