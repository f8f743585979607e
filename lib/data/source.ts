// One stream of rows over several files, that can be left at any row and taken up again there.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dataError } from '../errors.js';
import { refuse, type BadRow } from './bad-rows.js';
import { expandFiles, readerFor } from './files.js';
import { FILE_START, SOURCE_START, type RawRow, type ReadRowsOptions, type SourcePosition } from './row.js';

export { SOURCE_START, type RawRow, type SourcePosition } from './row.js';

export class Source implements AsyncIterable<RawRow> {
  readonly files: readonly string[];
  readonly #options: ReadRowsOptions;

  constructor(files: readonly string[], options: ReadRowsOptions = {}) {
    this.files = files;
    this.#options = options;
  }

  /** Rows in batches, as they come off the disk: a few hundred at a time. */
  async *batches(from: SourcePosition = SOURCE_START, signal = this.#options.signal): AsyncGenerator<RawRow[]> {
    let { index } = from;
    for (let number = from.file; number < this.files.length; number++) {
      const file = this.files[number] as string;
      const reader = readerFor(file);
      if (reader === undefined) throw dataError({ file }, 'has no reader for its ending');
      const start = number === from.file ? from.at : FILE_START;
      const options = signal === undefined ? this.#options : { ...this.#options, signal };
      await checkReadable(file);
      try {
        for await (const rows of reader(file, start, options)) {
          yield rows.map(({ value, row, after, text }) => ({
            value,
            file,
            row,
            index,
            after: { file: number, at: after, index: ++index },
            ...(text === undefined ? {} : { text }),
          }));
        }
      } catch (error) {
        // What breaks a file ends that file; where bad rows are kept aside, the next one goes on.
        refuse(error, options);
      }
    }
  }

  /** Up to `count` rows from the start; where bad ones are wanted, `onBad` is told of those on the way instead. */
  async first(count: number, onBad: (bad: BadRow) => void = () => undefined): Promise<RawRow[]> {
    const found: RawRow[] = [];
    const quiet = this.#options.onBad === undefined ? this : new Source(this.files, { ...this.#options, onBad });
    for await (const rows of quiet.batches()) {
      found.push(...rows.slice(0, count - found.length));
      if (found.length >= count) break;
    }
    return found;
  }

  /** Row by row. */
  async *rows(from: SourcePosition = SOURCE_START): AsyncGenerator<RawRow> {
    for await (const batch of this.batches(from)) yield* batch;
  }

  [Symbol.asyncIterator](): AsyncGenerator<RawRow> {
    return this.rows();
  }
}

/** A file that is not there or may not be opened is a mistake of the caller, never a bad row. */
export async function checkReadable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
    throw dataError(
      { file },
      error.code === 'ENOENT'
        ? 'expected a data file, came nothing: it does not exist. Check the path'
        : `cannot be read: ${error.message}`,
      { cause: error },
    );
  });
}

/** Expands the names (files, folders, globs) and opens nothing yet. */
export async function openSource(
  names: string | readonly string[],
  options: ReadRowsOptions & { readonly base?: string } = {},
): Promise<Source> {
  const { base, ...rest } = options;
  return new Source(await expandFiles(names, base), rest);
}
