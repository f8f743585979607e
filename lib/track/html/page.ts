// A whole report as one file: style inside, no script, nothing fetched (its own security policy forbids it), so that it
// opens from a disk without a network, can be mailed, and still reads in ten years.

import { html, raw } from './html.js';
import type { Child, Html } from './html.js';
import { STYLE } from './style.js';

export interface PageSection {
  /** Anchor: letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  /** One or two sentences under the title: what it shows and how to read it. */
  readonly lead?: Child;
  readonly body: Child;
}

export interface PageOptions {
  /** What sort of report this is, in small letters over the title: "Data report". */
  readonly kind: string;
  readonly title: string;
  readonly lead?: Child;
  readonly sections: readonly PageSection[];
  readonly footer?: Child;
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** The text of the file. The same input gives the same bytes. */
export function page({ kind, title, lead, sections, footer }: PageOptions): string {
  return `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<title>${title} · ${kind}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">To the content</a>
<header class="top">
${themeSwitch()}
<div class="kind">${kind}</div>
<h1>${title}</h1>
${lead ? html`<p class="lead">${lead}</p>` : ''}
<nav class="contents" aria-label="Contents">${sections.map(({ id, title: name }) => html`<a href="#${id}">${name}</a> `)}</nav>
</header>
<main id="content">
${sections.map(section)}
</main>
<footer>${footer}</footer>
</body>
</html>
`}`;
}

function section({ id, title, lead, body }: PageSection): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${lead ? html`<p class="lead">${lead}</p>` : ''}
${body}
</section>
`;
}

function themeSwitch(): Html {
  const choices = [['auto', 'Auto'], ['light', 'Light'], ['dark', 'Dark']] as const;
  return html`<fieldset class="theme"><legend>Colours</legend>${choices.map(([id, name], i) =>
    html`<input type="radio" name="theme" id="theme-${id}"${i === 0 ? raw(' checked') : ''}><label for="theme-${id}">${name}</label>`)}</fieldset>`;
}
