// What a run knows of the test set: that it is sealed, how many rows it has, how often it was opened, and how many of
// them are also training or validation rows (by fingerprints). Never what the rows say.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { printRuns } from '../curate/run-prints.js';
import { EngineError } from '../errors.js';
import { checkLedger, digestOf, readSeal, SEALED, sealRows, sharedRows } from '../eval/sealed.js';
import type { Config } from './config/schema.js';
import { filesOf } from './sets.js';

export interface TestSet {
  readonly file: string;
  readonly id: string;
  readonly rows: number;
  readonly openings: number;
  readonly problems: readonly string[];
  /** Test rows that are also training or validation rows. */
  readonly shared: { readonly train: number; readonly valid: number };
}

/** Seals data.test when it is plain rows, and says what can be said of it. Undefined without data.test. */
export async function noteTestSet(config: Config, warn: (message: string) => void): Promise<TestSet | undefined> {
  const { test, train, valid, textSplit } = config.data;
  if (test === undefined) return undefined;
  const text = textSplit === undefined ? {} : { textSplit };
  const file = SEALED.test(test) ? test : join(config.output, 'test.sealed');
  if (file !== test) {
    await mkdir(config.output, { recursive: true });
    if (!existsSync(file)) {
      await sealRows(test, { output: file, printRuns, ...text });
      warn(`the test rows are now sealed in ${file}; move ${test} to where nobody trains, and set data.test to the sealed file`);
    } else if ((await readSeal(file)).digest !== await digestOf(test, text)) {
      throw new EngineError(`data.test: ${file} holds other rows than ${test}, and a sealed test set is never replaced. Choose another output`,
        { code: 'ERR_CONFIG', key: 'data.test' });
    }
  }
  const header = await readSeal(file);
  const { openings, problems } = await checkLedger(file, header);
  const shared = {
    train: await sharedRows(header, filesOf(train), text), valid: valid === undefined ? 0 : await sharedRows(header, valid, text),
  };
  for (const problem of problems) warn(`test set: ${problem}`);
  if (openings > 0) warn(`the test set has been opened ${openings} times already: results on it are no longer those of unseen rows`);
  for (const [what, count] of [['training', shared.train], ['validation', shared.valid]] as const) {
    if (count > 0) warn(`${count} of ${header.rows} test rows are also ${what} rows: the test would measure memory. Remove them from the ${what} rows`);
  }
  return { file, id: header.id, rows: header.rows, openings, problems, shared };
}
