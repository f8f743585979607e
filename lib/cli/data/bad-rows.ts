// Rows that cannot be used, for commands that go on without them: counted, shown with file and line, kept aside.

import { join } from 'node:path';
import { BadRowKeeper } from '../../data/bad-rows.js';
import type { BadRowSummary } from '../../data/bad-rows.js';
import { count } from '../../track/format.js';

export const BAD_ROWS_FILE = 'bad-rows.jsonl';

/** A keeper that writes into a command's own folder. */
export const keeperIn = (folder: string): BadRowKeeper => new BadRowKeeper(join(folder, BAD_ROWS_FILE));

/** For --json: counts, the first ones, and where all lie. */
export function badReport({ count: rows, first, keptIn }: BadRowSummary): object {
  return { count: rows, first: first.map(({ file, row, field, reason }) => ({ file, row, field, reason })), ...(keptIn === undefined ? {} : { keptIn }) };
}

/** For people: nothing where none was bad. */
export function badLines({ count: rows, first, keptIn }: BadRowSummary): readonly string[] {
  if (rows === 0) return [];
  return [
    `bad rows  ${count(rows)}${keptIn === undefined ? '' : `, kept in ${keptIn}`}`, ...first.map(({ reason }) => `  ${reason}`),
    ...(rows > first.length ? [`  … and ${count(rows - first.length)} more`] : []),
  ];
}
