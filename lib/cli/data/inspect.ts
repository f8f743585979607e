// `whetstone data inspect`: what rows are taken for, and some of them.

import { openRecords } from '../../data/records.js';
import type { DataFormat } from '../../data/formats/format.js';
import { openSource } from '../../data/source.js';
import type { TextOptions } from '../../data/row.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';

interface Options extends TextOptions {
  readonly format: DataFormat | 'auto';
  readonly rows: number;
}

export async function inspectCommand(output: Output, options: Options, ...names: (string | readonly string[])[]): Promise<number> {
  const source = await openSource(names.flat(), options);
  const { detection } = await openRecords(source, options);
  const sample: unknown[] = [];
  for await (const { value } of source) if (sample.push(value) === options.rows) break;
  output.result({ files: source.files, ...detection, sample }, () => [
    `files    ${source.files.length}, first ${source.files[0]}`,
    `format   ${detection.format}`,
    `fields   ${detection.fields.join(', ')} (used: ${detection.used.join(', ')})`,
    ...sample.map((row, at) => `row ${at + 1}    ${JSON.stringify(row).slice(0, 400)}`),
  ].join('\n'));
  return EXIT.ok;
}
