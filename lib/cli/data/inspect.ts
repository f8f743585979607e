// `whetstone data inspect`: what rows are taken for and how surely, how many there are, which are bad, and some of them.

import { BadRowKeeper } from '../../data/bad-rows.js';
import { exactJson } from '../../data/exact.js';
import { openRecords } from '../../data/records.js';
import { openSource } from '../../data/source.js';
import type { ChatMessage, DataRecord } from '../../record.js';
import { count } from '../../track/format.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';
import { badLines, badReport } from './bad-rows.js';
import { readingOf } from './reading.js';
import type { ReadingOptions } from './reading.js';

interface Options extends ReadingOptions {
  readonly rows: number;
  readonly first?: number;
  readonly bad?: string;
}

export async function inspectCommand(output: Output, options: Options, ...names: (string | readonly string[])[]): Promise<number> {
  const keeper = new BadRowKeeper(options.bad);
  const reading = readingOf(options);
  const source = await openSource(names.flat(), { ...reading, onBad: keeper.add });
  const records = await openRecords(source, { ...reading, onBad: keeper.add });
  const { detection } = records;
  const sample: DataRecord[] = [];
  const kinds = new Map<string, number>();
  let [rows, made] = [0, 0];
  const progress = new Progress(output.terminal, 'reading');
  for await (const batch of records.batches()) {
    for (const record of batch.records) {
      if (sample.length < options.rows) sample.push(record);
      kinds.set(record.kind, (kinds.get(record.kind) ?? 0) + 1);
      made++;
    }
    rows = batch.after.index;
    progress.show(`${count(rows)} rows, ${count(keeper.count)} bad`);
    if (options.first !== undefined && rows >= options.first) break;
  }
  progress.end();
  const bad = await keeper.close();
  output.result(
    { files: source.files, ...detection, rows, records: made, kinds: Object.fromEntries(kinds), bad: badReport(bad), sample: JSON.parse(exactJson(sample)) as unknown },
    () => [
      `files       ${source.files.length === 1 ? source.files[0] : `${source.files.length}, first ${source.files[0]}`}`,
      `format      ${detection.format}, confidence ${(100 * detection.confidence).toFixed(1)} %: ${detection.reason}`,
      `fields      ${detection.fields.join(', ')}`,
      ...(detection.mapping.fields === undefined ? [] : [`mapping     ${Object.entries(detection.mapping.fields).map(([ours, theirs]) => `${ours} = ${theirs}`).join(', ')}`]),
      ...(Object.keys(detection.others).length === 0 ? [] : [`others      ${Object.entries(detection.others).map(([name, n]) => `${n} ${name}`).join(', ')} among the first ${detection.sampled} rows`]),
      `rows        ${count(rows)}${made === rows ? '' : `, which make ${count(made)} records`}${options.first === undefined ? '' : ' (the first ones)'}`,
      ...(bad.count === 0 ? ['bad rows  0'] : badLines(bad)),
      ...(bad.count > 0 && options.bad === undefined ? ['  (--bad FILE keeps them)'] : []),
      ...sample.flatMap((record) => ['', ...sampleText(record)]),
    ].join('\n'));
  return EXIT.ok;
}

/** A record in lines: who says what. */
function sampleText(record: DataRecord): string[] {
  const head = `row ${record.row}${record.weight === undefined ? '' : ` (weight ${record.weight})`}: ${record.kind}`;
  switch (record.kind) {
    case 'text': return [head, line('text', record.text)];
    case 'completion': return [head, line('prompt', record.prompt), line('completion', record.completion)];
    case 'alpaca': return [head, line('instruction', record.instruction), ...(record.input === '' ? [] : [line('input', record.input)]), line('output', record.output)];
    case 'messages': return [head, ...said(record.messages)];
    case 'preference': return [head, ...said(record.prompt), ...said(record.chosen, 'chosen: '), ...said(record.rejected, 'rejected: ')];
    case 'labelled': return [head, ...said(record.prompt), ...said(record.completion, record.desirable ? 'good: ' : 'bad: ')];
  }
}

const said = (messages: readonly ChatMessage[], before = ''): string[] => messages.map(({ role, content, weight, extra }) =>
  line(`${before}${role}${weight === undefined ? '' : ` ×${weight}`}`, `${content ?? ''}${extra?.tool_calls === undefined ? '' : ` ${exactJson(extra.tool_calls)}`}`));

function line(name: string, text: string): string {
  const flat = text.replaceAll(/\s*\n\s*/g, ' ⏎ ');
  return `  ${name.padEnd(11)} ${flat.length > 160 ? `${flat.slice(0, 160)}…` : flat}`;
}
