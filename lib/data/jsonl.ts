// Rows of a JSON Lines file: one object a line, empty lines skipped.
import { refuse } from './bad-rows.js';
import { decodeUtf8 } from './bytes.js';
import { exactText } from './exact.js';
import { parseRow } from './json-row.js';
import { readLines, type Line } from './lines.js';
import type { FileRow, RowReader } from './row.js';

export const readJsonl: RowReader = async function* (file, from, options) {
  const read = ({ bytes, number: row, after }: Line): FileRow | undefined => {
    try {
      const text = decodeUtf8(bytes, file, row);
      if (text.trim() === '') return undefined;
      return { value: parseRow(text, file, row), row, after: { offset: after, row }, ...exactText(text) };
    } catch (error) {
      refuse(error, options, bytes);
      return undefined;
    }
  };
  for await (const lines of readLines(file, from, options)) {
    const rows = lines.map(read).filter((row) => row !== undefined);
    if (rows.length > 0) yield rows;
  }
};
