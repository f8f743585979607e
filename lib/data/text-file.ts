// Rows of a plain text file: the whole file, its paragraphs (blank lines between) or its lines, as {"text": …}.
import { stat } from 'node:fs/promises';
import { dataError } from '../errors.js';
import { decodeUtf8 } from './bytes.js';
import { readLines, type Line } from './lines.js';
import type { FileRow, RowReader } from './row.js';

const LONGEST_DOCUMENT = 256 * 1024 * 1024;

/** Line ends become \n; a byte order mark goes; blank lines at the end go; nothing else changes. */
export const readText: RowReader = async function* (file, from, options) {
  const split = options.textSplit ?? 'file';
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (split === 'file' && size > LONGEST_DOCUMENT) {
    throw dataError(
      { file },
      `expected a document of at most ${LONGEST_DOCUMENT >> 20} MB, came ${size >> 20} MB. ` +
        'Split it, or read it by paragraphs (data.textSplit: paragraph)',
    );
  }
  let open: string[] = [];
  let first = 0;
  let last: Line | undefined;
  const document = (after: Line): FileRow => {
    const row = { value: { text: open.join('\n') }, row: first, after: { offset: after.after, row: after.number } };
    open = [];
    return row;
  };
  for await (const lines of readLines(file, from, options)) {
    const rows: FileRow[] = [];
    for (const line of lines) {
      const text = decodeUtf8(line.bytes, file, line.number);
      const blank = text.trim() === '';
      if (split === 'file' || !blank) {
        if (open.length === 0) first = line.number;
        open.push(text);
      }
      last = line;
      if (open.length > 0 && (split === 'line' || (split === 'paragraph' && blank))) rows.push(document(line));
    }
    if (rows.length > 0) yield rows;
  }
  while (open.length > 0 && open.at(-1)?.trim() === '') open.pop();
  if (open.length > 0 && last !== undefined) yield [document(last)];
};
