// The nouns between a data file and the encoder: a record and a chat message.

/**
 * Marks around text that JSON would write without quotes (a number that JavaScript cannot hold), and before a key whose
 * place JavaScript would change. Noncharacters of Unicode: they stand in no text. Rendering takes them away.
 */
export const EXACT_OPEN = '\ufdd0';
export const EXACT_CLOSE = '\ufdd1';
export const EXACT_KEY = '\ufdd2';

/** Who speaks in a chat message. */
export type Role = 'system' | 'user' | 'assistant' | 'tool';

/** Characters [begin, end) (UTF-16) of a message's content count with this weight. */
export interface ContentSpan {
  readonly begin: number;
  readonly end: number;
  readonly weight: number;
}

export interface ChatMessage {
  readonly role: Role;
  /** null only beside tool calls. */
  readonly content: string | null;
  /** Weight of this message in the loss; absent: 1. 0: context only. */
  readonly weight?: number;
  /** Parts of the content that count differently, in order; they multiply `weight`. Elsewhere it is 1. */
  readonly spans?: readonly ContentSpan[];
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
    /** Two answers to one prompt, of which the first is preferred. */
    | {
        readonly kind: 'preference';
        readonly prompt: readonly ChatMessage[];
        readonly chosen: readonly ChatMessage[];
        readonly rejected: readonly ChatMessage[];
        readonly tools?: readonly unknown[];
      }
    /** An answer that somebody found good or bad. */
    | {
        readonly kind: 'labelled';
        readonly prompt: readonly ChatMessage[];
        readonly completion: readonly ChatMessage[];
        readonly desirable: boolean;
        readonly tools?: readonly unknown[];
      }
  );

export type RecordKind = DataRecord['kind'];
