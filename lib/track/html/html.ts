// HTML and SVG by a tagged template: whatever is put in is escaped, unless it was itself made by the template. A row
// of somebody's data set can never become markup of a report.

/** Finished markup. Only {@link html} and {@link raw} make it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type Child = Html | string | number | undefined | null | false | readonly Child[];

/** Markup with its values escaped; lists are joined, undefined, null and false vanish. */
export function html(parts: TemplateStringsArray, ...values: readonly Child[]): Html {
  let text = parts[0]!;
  for (const [i, value] of values.entries()) text += render(value) + parts[i + 1]!;
  return new Html(text);
}

/** Text that is markup already: only for constants of the program. */
export function raw(text: string): Html {
  return new Html(text);
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for element content and quoted attributes. Control characters and lone surrogates, which HTML forbids, become U+FFFD. */
export function escapeText(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\p{Surrogate}/gu, '\ufffd').replace(/[&<>"']/g, (char) => ESCAPES[char]!);
}

function render(value: Child): string {
  if (value === undefined || value === null || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeText(String(value));
}
