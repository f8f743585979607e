// How long rows, prompts, answers and conversations are, in characters, messages and tokens, and where rows come from: counted over
// every row, in memory that does not grow with them.
import path from 'node:path';
import type { DataRecord } from '../record.js';
import { Lengths } from './quantiles.js';
import type { LengthReport } from './quantiles.js';
import { answerText, promptText, recordText } from './record-text.js';

export interface FigureOptions {
  /** A field that says where a row is from; absent: `source` if rows have it, else their file. */
  readonly sourceField?: string | undefined;
  /** Tokens of a text; absent: they are not counted. */
  readonly countTokens?: ((text: string) => number) | undefined;
}

export interface Figure extends LengthReport {
  /** Bins [edges[i], edges[i + 1]), the last one closed. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

export type FigureName = 'rows' | 'prompts' | 'answers' | 'messages' | 'tokens' | 'answerTokens';

export interface FiguresReport {
  readonly lengths: Readonly<Partial<Record<FigureName, Figure>>>;
  /** Rows by source, most first; `others` where there are more than could be counted. */
  readonly sources: readonly { readonly name: string; readonly rows: number }[];
}

const BINS = 12;
const MOST_SOURCES = 1000;
const OTHERS = '(others)';

export class Figures {
  readonly #lengths = new Map<FigureName, Lengths>();
  readonly #sources = new Map<string, number>();

  constructor(readonly options: FigureOptions = {}) {}

  /** `tokens`: those of the whole row, where they were counted. */
  add(record: DataRecord, row: Readonly<Record<string, unknown>>, file: string, tokens: number): void {
    const { countTokens, sourceField = 'source' } = this.options;
    const [text, answer] = [recordText(record), answerText(record)];
    this.#add('rows', text.length);
    if (record.kind !== 'text') {
      this.#add('prompts', promptText(record).length);
      this.#add('answers', answer.length);
    }
    if (record.kind === 'messages') this.#add('messages', record.messages.length);
    if (countTokens !== undefined) {
      this.#add('tokens', tokens);
      if (record.kind !== 'text') this.#add('answerTokens', countTokens(answer));
    }
    const said = row[sourceField];
    const source = typeof said === 'string' || typeof said === 'number' ? String(said) : path.basename(file);
    const name = this.#sources.has(source) || this.#sources.size < MOST_SOURCES ? source : OTHERS;
    this.#sources.set(name, (this.#sources.get(name) ?? 0) + 1);
  }

  #add(name: FigureName, length: number): void {
    let lengths = this.#lengths.get(name);
    if (lengths === undefined) this.#lengths.set(name, (lengths = new Lengths()));
    lengths.add(length);
  }

  result(): FiguresReport {
    return {
      lengths: Object.fromEntries([...this.#lengths].map(([name, lengths]) => [name, figureOf(lengths)])),
      sources: [...this.#sources].map(([name, rows]) => ({ name, rows })).sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1)),
    };
  }
}

/** Bins of one width, or where lengths differ a lot each twice as wide as the one before. */
function figureOf(lengths: Lengths): Figure {
  const { report } = lengths;
  const { least, most } = report;
  const edges = most - least < BINS ? Array.from({ length: most - least + 2 }, (_, i) => least + i)
    : most > 20 * Math.max(1, least) && most > 200 ? doubling(least, most)
    : Array.from({ length: BINS + 1 }, (_, i) => Math.round(least + ((most - least) * i) / BINS));
  return { ...report, edges, counts: lengths.histogram(edges) };
}

function doubling(least: number, most: number): number[] {
  const edges = [2 ** Math.ceil(Math.log2(most + 1))];
  while (edges.length < BINS && edges[0]! > Math.max(1, least)) edges.unshift(edges[0]! / 2);
  if (edges[0]! > least) edges.unshift(0);
  return edges;
}
