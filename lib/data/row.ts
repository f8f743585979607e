// A raw row: what every file reader yields, with the position from which reading can go on after it.
import type { ReadOptions } from './bytes.js';

/**
 * A place between two rows of one file. `offset` is bytes, or rows for Parquet; `row` counts lines or elements
 * before it.
 */
export interface FilePosition {
  readonly offset: number;
  readonly row: number;
}

export const FILE_START: FilePosition = { offset: 0, row: 0 };

export interface FileRow {
  readonly value: Readonly<Record<string, unknown>>;
  /** 1-based line or element. */
  readonly row: number;
  readonly after: FilePosition;
  /** The row as JSON text, where reading it as JavaScript would change it (see exact.ts). */
  readonly text?: string;
}

export interface TextOptions {
  /** What one document of a .txt file is: the whole file, a paragraph (blank lines between), or a line. */
  readonly textSplit?: 'file' | 'paragraph' | 'line';
}

export type ReadRowsOptions = ReadOptions & TextOptions;

/** Yields rows in batches; starts at a position that an earlier row gave. */
export type RowReader = (file: string, from: FilePosition, options: ReadRowsOptions) => AsyncGenerator<FileRow[]>;

/** Where to go on: a plain object, safe to keep in a checkpoint. */
export interface SourcePosition {
  /** Index into the source's list of files. */
  readonly file: number;
  readonly at: FilePosition;
  /** Rows before it, over all files. */
  readonly index: number;
}

export interface RawRow {
  readonly value: Readonly<Record<string, unknown>>;
  readonly file: string;
  /** 1-based line or element in its file. */
  readonly row: number;
  /** 0-based over all files. */
  readonly index: number;
  readonly after: SourcePosition;
  /** The row as JSON text, where reading it as JavaScript would change it (see exact.ts). */
  readonly text?: string;
}

export const SOURCE_START: SourcePosition = { file: 0, at: FILE_START, index: 0 };
