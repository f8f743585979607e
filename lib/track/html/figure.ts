// The frame of every chart: caption, a picture that says in words what it shows, a legend, and the numbers behind it
// as a table that folds out: what cannot be seen can be read.

import { html } from './html.js';
import type { Child, Html } from './html.js';
import { table } from './parts.js';
import type { TableOptions } from './parts.js';

export interface ChartText {
  readonly title: string;
  /** One sentence on how to read it; also told by screen readers. */
  readonly note?: string;
  /** Drawn for half the width of a page, to stand in a pair(). */
  readonly half?: boolean;
}

/** Width of a picture in its own units, which are about a pixel each. */
export function widthOf({ half = false }: ChartText): number {
  return half ? 460 : 900;
}

export interface FigureParts extends ChartText {
  readonly width: number;
  readonly height: number;
  /** The inside of the picture. */
  readonly marks: Child;
  /** The picture in one sentence, for those who do not see it. */
  readonly summary: string;
  readonly legend?: readonly { readonly name: string; readonly color: string; readonly dash?: string }[];
  readonly numbers?: TableOptions;
}

/** Longest table of numbers under a chart: a long run does not make a heavy file. */
export const MOST_NUMBERS = 200;

export function figure({ title, note, width, height, marks, summary, legend = [], numbers }: FigureParts): Html {
  return html`<figure>
<figcaption><b>${title}</b>${note === undefined ? '' : html`<span>${note}</span>`}</figcaption>
<div class="scroll"><svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${`${title}. ${summary}`}">
${marks}
</svg></div>
${legend.length === 0 ? '' : html`<ul class="legend">${legend.map(({ name, color, dash }) =>
    html`<li><svg width="24" height="10" aria-hidden="true"><line x1="0" x2="24" y1="5" y2="5" stroke-width="3" ${dash === undefined ? '' : html`stroke-dasharray="${dash}" `}style="stroke:${color}"/></svg>${name}</li>`)}</ul>`}
${numbers === undefined ? '' : html`<details><summary>The numbers</summary>${table({ ...numbers, rows: numbers.rows.slice(0, MOST_NUMBERS) })}${
    numbers.rows.length > MOST_NUMBERS ? html`<p>The first ${MOST_NUMBERS} of ${numbers.rows.length}.</p>` : ''}</details>`}
</figure>
`;
}
