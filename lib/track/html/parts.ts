// What a section is made of besides charts: tables, tiles with one number each, notes, two things side by side.

import { html } from './html.js';
import type { Child, Html } from './html.js';

export interface Column {
  readonly name: string;
  /** Numbers stand right, with digits of one width. */
  readonly numeric?: boolean;
}

export interface TableOptions {
  readonly columns: readonly Column[];
  /** The first cell of a row is its heading. */
  readonly rows: readonly (readonly Child[])[];
  readonly caption?: string;
}

export function table({ columns, rows, caption }: TableOptions): Html {
  const right = (i: number): string => (columns[i]?.numeric === true ? 'num' : '');
  return html`<div class="table" tabindex="0" role="region" aria-label="${caption ?? columns.map(({ name }) => name).join(', ')}"><table>
${caption === undefined ? '' : html`<caption>${caption}</caption>`}
<thead><tr>${columns.map(({ name }, i) => html`<th scope="col" class="${right(i)}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => html`<tr>${cells.map((cell, i) =>
    i === 0 ? html`<th scope="row" class="${right(i)}">${cell}</th>` : html`<td class="${right(i)}">${cell}</td>`)}</tr>
`)}</tbody></table></div>`;
}

export type Tone = 'good' | 'warn' | 'bad';

export interface Tile {
  readonly label: string;
  readonly value: Child;
  readonly note?: Child;
  readonly tone?: Tone;
}

/** A row of single numbers. */
export function tiles(items: readonly Tile[]): Html {
  return html`<ul class="tiles">${items.map(({ label, value, note: small, tone }) =>
    html`<li><span class="label">${label}</span><span class="value ${tone}">${value}</span>${small ? html`<span class="small">${small}</span>` : ''}</li>
`)}</ul>`;
}

/** A remark set apart; 'warn' and 'bad' say so in words too, for those who do not see the colour. */
export function note(text: Child, tone?: 'warn' | 'bad'): Html {
  return html`<p class="note ${tone}">${tone === 'warn' ? html`<b>Take care:</b> ` : tone === 'bad' ? html`<b>Problem:</b> ` : ''}${text}</p>`;
}

/** Side by side where there is room. */
export function pair(...items: readonly Child[]): Html {
  return html`<div class="pair">${items.map((item) => html`<div>${item}</div>`)}</div>`;
}
