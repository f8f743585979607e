// What a row that stays becomes: lines that C4's filter takes out are gone, personal data are pseudonyms. Only those strings of the
// line change; keys, numbers and spaces stay as they were.
import { toRecord } from '../data/formats/format.js';
import type { Detection } from '../data/formats/format.js';
import { c4Lines } from './c4-lines.js';
import type { CurateConfig } from './curate-config.js';
import type { PiiKind } from './pii/detect.js';
import { Pseudonyms } from './pii/pseudonyms.js';
import type { BytesRow } from './raw-rows.js';

export type ChangeStep = 'c4-lines' | 'pii';

export interface Changed {
  readonly text: string;
  readonly steps: readonly ChangeStep[];
}

/** A string of JSON; with its colon it is a key. */
const LITERAL = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

export class Rewriter {
  /** Values replaced, by kind. */
  readonly pseudonyms = new Map<string, number>();

  constructor(readonly config: CurateConfig, readonly detection: Detection | undefined) {}

  /** Undefined where the row stays as it is. */
  changed(row: BytesRow): Changed | undefined {
    const before = row.raw.toString('utf8');
    const steps: ChangeStep[] = [];
    let text = before;
    const step = (name: ChangeStep, now: string): void => {
      if (now === text) return;
      text = now;
      steps.push(name);
    };
    if (this.config.lines === 'c4') step('c4-lines', this.#lines(text, row));
    if (this.config.pii !== false) step('pii', this.#pseudonyms(text, this.config.pii));
    return steps.length === 0 ? undefined : { text, steps };
  }

  /** Of plain texts only: the field that holds the text is the one that changes. */
  #lines(json: string, { value, file, row, index }: BytesRow): string {
    if (this.detection?.format !== 'text' || value === undefined) return json;
    const { mapping } = this.detection;
    const record = toRecord({ value, file: String(file), row, index, after: { file, at: { offset: 0, row }, index: index + 1 } }, 'text', mapping);
    if (record.kind !== 'text') return json;
    const name = (mapping.fields?.text ?? 'text').split('.').at(-1);
    let key: unknown;
    return json.replace(LITERAL, (literal, colon?: string) => {
      if (colon !== undefined) {
        key = JSON.parse(literal.slice(0, literal.length - colon.length));
        return literal;
      }
      if (key !== name || JSON.parse(literal) !== record.text) return literal;
      const left = c4Lines(record.text, this.config.limits);
      return left === record.text ? literal : JSON.stringify(left);
    });
  }

  #pseudonyms(json: string, { style, kinds }: Exclude<CurateConfig['pii'], false>): string {
    const names = new Pseudonyms(style, kinds as readonly PiiKind[] | undefined);
    const text = json.replace(LITERAL, (literal, colon?: string) => {
      if (colon !== undefined || literal.length < 8) return literal;
      const { text: own, spans } = names.replace(JSON.parse(literal) as string);
      return spans.length === 0 ? literal : JSON.stringify(own);
    });
    for (const [kind, count] of names.counts) this.pseudonyms.set(kind, (this.pseudonyms.get(kind) ?? 0) + count);
    return text;
  }
}
