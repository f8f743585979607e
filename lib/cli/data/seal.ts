// `whetstone data seal`: encrypts test rows, so that nothing that trains can read them and every look is counted.

import { resolve } from 'node:path';
import { printRuns } from '../../curate/run-prints.js';
import { sealRows } from '../../eval/sealed.js';
import { count } from '../../track/format.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';

interface Options {
  readonly output: string;
  readonly key?: string;
  readonly textSplit?: 'file' | 'paragraph' | 'line';
}

export async function sealCommand(output: Output, options: Options, ...args: (string | readonly string[])[]): Promise<number> {
  const files = args.flat();
  const { file, key, ledger, header } = await sealRows(files, {
    output: options.output, printRuns, ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.textSplit === undefined ? {} : { textSplit: options.textSplit }),
  });
  output.result({ file: resolve(file), key: resolve(key), ledger: resolve(ledger), id: header.id, rows: header.rows, digest: header.digest }, [
    `Sealed ${count(header.rows)} rows.`,
    `  rows    ${file}   encrypted; opened by: whetstone eval --final`,
    `  key     ${key}   whoever has it can open the set: keep it apart, if another should`,
    `  ledger  ${ledger}   every opening, in a chain of hashes`,
    `The rows you gave are as they were: move ${files.join(', ')} to where nobody trains.`,
  ].join('\n'));
  return EXIT.ok;
}
