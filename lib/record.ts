// The nouns between a data file and the encoder: a record, a chat message, and errors that name the row.
import { EngineError } from './errors.js';

/** Who speaks in a chat message. */
export type Role = 'system' | 'user' | 'assistant' | 'tool';

export interface ChatMessage {
  readonly role: Role;
  /** null only beside tool calls. */
  readonly content: string | null;
  /** Weight of this message in the loss; absent: 1. 0: context only. */
  readonly weight?: number;
  /** Everything else that the row gave (`tool_calls`, `name`, `reasoning_content` …): handed to the chat template. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Where a record came from and how much it counts. */
export interface RecordOrigin {
  readonly file: string;
  /** 1-based line (JSONL, CSV, text) or element (JSON array, Parquet) in its file. */
  readonly row: number;
  /** 0-based place in the whole data set, over all files. */
  readonly index: number;
  /** Weight of the row in the loss; absent: 1. */
  readonly weight?: number;
}

export type DataRecord = RecordOrigin &
  (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'completion'; readonly prompt: string; readonly completion: string }
    | { readonly kind: 'alpaca'; readonly instruction: string; readonly input: string; readonly output: string }
    | { readonly kind: 'messages'; readonly messages: readonly ChatMessage[]; readonly tools?: readonly unknown[] }
  );

export type RecordKind = DataRecord['kind'];

export interface Place {
  readonly file?: string;
  readonly row?: number;
  readonly field?: string;
}

/** An ERR_DATA whose message starts with the file, the row and the field, as far as they are known. */
export function dataError(place: Place, problem: string, options?: ErrorOptions): EngineError<
  { code: 'ERR_DATA' } & Place
> {
  const where = [
    place.file,
    place.row === undefined ? undefined : `row ${place.row}`,
    place.field === undefined ? undefined : `field "${place.field}"`,
  ].filter((part) => part !== undefined).join(', ');
  const { file, row, field } = place;
  return new EngineError(where === '' ? problem : `${where}: ${problem}`, {
    code: 'ERR_DATA',
    ...(file === undefined ? {} : { file }),
    ...(row === undefined ? {} : { row }),
    ...(field === undefined ? {} : { field }),
  }, options);
}

/** A value in a few words, for "came": its type, or its text when short. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return value === '' ? 'an empty string' : `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
  if (typeof value === 'object') return `an object with ${Object.keys(value).slice(0, 6).join(', ') || 'no fields'}`;
  return `${typeof value} ${String(value)}`;
}
