// `whetstone data mask`: the tokens of some rows, coloured by what is learned of them.

import type { BadRow } from '../../data/bad-rows.js';
import { openRecords } from '../../data/records.js';
import { openSource } from '../../data/source.js';
import type { DataRecord, Role } from '../../record.js';
import type { ChatTemplate } from '../../text/chat-template.js';
import { loadChatTemplate } from '../../text/chat-template.js';
import { RecordEncoder } from '../../text/encode.js';
import type { EncodeOptions } from '../../text/encode.js';
import { explainSequence, explainText } from '../../text/explain.js';
import type { TextTokenizer } from '../../text/tokenizer.js';
import { templateOf } from '../../train/rows.js';
import { EXIT } from '../exit.js';
import { tokenizerOf } from '../options.js';
import type { Output } from '../output.js';
import { readingOf } from './reading.js';
import type { ReadingOptions } from './reading.js';

interface Options extends ReadingOptions, Pick<EncodeOptions, 'reasoning' | 'endOfTurn' | 'straddling' | 'useTemplate'> {
  readonly model: string;
  readonly revision?: string;
  readonly row?: number;
  readonly rows: number;
  readonly trainOn: string;
  readonly pairs?: 'chosen';
  readonly chatTemplate?: string;
  readonly tokens?: boolean;
}

interface Shown {
  readonly record: DataRecord;
  readonly parts: readonly (readonly [text: string, weight: number])[];
  readonly tokens: readonly { readonly id: number; readonly text: string; readonly weight: number }[];
  readonly straddles: boolean;
}

export async function maskCommand(output: Output, options: Options, ...names: (string | readonly string[])[]): Promise<number> {
  const { tokenizer, template } = await textPartsOf(output, options);
  const encoder = new RecordEncoder(tokenizer, template, {
    trainOn: trainOnOf(options.trainOn), reasoning: options.reasoning, endOfTurn: options.endOfTurn, straddling: options.straddling,
    useTemplate: options.useTemplate,
  });
  const reading = readingOf(options);
  const bad: BadRow[] = [];
  const onBad = (one: BadRow): void => void (bad.length < 1000 && bad.push(one));
  const records = await openRecords(await openSource(names.flat(), { ...reading, onBad }), { ...reading, onBad, ...(options.pairs === undefined ? {} : { pairs: options.pairs }) });
  const shown: Shown[] = [];
  for await (const record of records) {
    if (options.row !== undefined && record.row !== options.row) continue;
    const { sequence, straddles } = encoder.encode(record);
    if (sequence === undefined) continue;
    const tokens = explainSequence(tokenizer, sequence).map(({ id, weight }) => ({ id, text: tokenizer.decode([id], { skipSpecial: false, continues: true }), weight }));
    shown.push({ record, parts: explainText(tokenizer, sequence), tokens, straddles });
    if (shown.length >= (options.row === undefined ? options.rows : 1)) break;
  }
  for (const { reason } of bad.filter(({ row }) => options.row === undefined || row === options.row)) output.say(`bad row: ${reason}`);
  if (shown.length === 0) output.say(options.row === undefined ? 'No row is learned from.' : `There is no row ${options.row} that is learned from.`);
  output.result(
    {
      format: records.detection.format,
      rows: shown.map(({ record, tokens, straddles }) => ({
        file: record.file, row: record.row, tokens, learned: tokens.filter(({ weight }) => weight > 0).length, straddles,
      })),
    },
    () => shown.map((one) => describeRow(output, one, options.tokens ?? false)).join('\n\n'));
  return shown.length === 0 ? EXIT.data : EXIT.ok;
}

function describeRow(output: Output, { record, parts, tokens, straddles }: Shown, each: boolean): string {
  const { bold, dim } = output.terminal.colors;
  const learned = tokens.filter(({ weight }) => weight > 0).length;
  const head = bold(`row ${record.row}: ${learned} of ${tokens.length} tokens are learned`) + (straddles ? ' (a token lies across a border)' : '');
  const coloured = output.terminal.colors.isColorSupported;
  const paint = (text: string, weight: number): string => {
    const c = output.terminal.colors;
    if (!coloured) return weight === 0 ? text : `⟦${weight === 1 ? '' : `×${short(weight)} `}${text}⟧`;
    const lines = (style: (part: string) => string): string => text.split('\n').map((part) => (part === '' ? '' : style(part))).join('\n');
    return weight === 0 ? lines(dim) : lines(weight === 1 ? c.green : c.yellow);
  };
  if (!each) return `${head}\n${parts.map(([text, weight]) => paint(text, weight)).join('')}`;
  return [head, ...tokens.map(({ id, text, weight }, at) =>
    `${String(at).padStart(5)} ${String(id).padStart(7)}  ${weight === 0 ? '    -' : `×${short(weight)}`.padStart(5)}  ${paint(JSON.stringify(text), weight === 0 ? 0 : coloured ? weight : 0)}`)].join('\n');
}

const short = (weight: number): string => String(Math.round(weight * 1000) / 1000);

/** A folder with a tokenizer is enough; a name on the hub brings the model along. */
async function textPartsOf(output: Output, options: Options): Promise<{ tokenizer: TextTokenizer; template: ChatTemplate | undefined }> {
  const tokenizer = await tokenizerOf(output, options);
  const parts = { tokenizer, template: await loadChatTemplate(tokenizer) };
  return { tokenizer, template: await templateOf(parts, options.chatTemplate === undefined ? {} : { chatTemplate: options.chatTemplate }) };
}

/** completions, last, all, or roles with commas between. */
function trainOnOf(text: string): 'completions' | 'last' | 'all' | readonly Role[] {
  return text === 'completions' || text === 'last' || text === 'all' ? text : text.split(',') as Role[];
}
