// What a message says about its own training: weights and flags as several tools write them, character spans, and content
// in parts. All of them become one weight and spans of it.
import { dataError, describe } from '../../errors.js';
import type { ContentSpan } from '../../record.js';
import { checkWeight, type RowFields } from './fields.js';

/** Fields by which tools say how much a message or a part counts: OpenAI, Axolotl, ms-swift, TRL. All given ones multiply. */
const NUMBERS = ['weight', 'loss_scale'] as const;
const FLAGS = ['train', 'training', 'loss'] as const;
const DETAILS = ['train_detail', 'training_detail'] as const;

export const TRAINING_FIELDS: readonly string[] = [...NUMBERS, ...FLAGS, ...DETAILS];

/** The weight that these fields give, or undefined if none is there. */
export function trainingWeight(fields: RowFields, value: Readonly<Record<string, unknown>>, field: string): number | undefined {
  const { file, row } = fields.raw;
  let weight: number | undefined;
  for (const name of NUMBERS) {
    if (value[name] === undefined || value[name] === null) continue;
    weight = (weight ?? 1) * checkWeight(value[name], { file, row, field: `${field}.${name}` });
  }
  for (const name of FLAGS) {
    const flag = value[name];
    if (flag === undefined || flag === null) continue;
    const number = flag === true ? 1 : flag === false ? 0 : checkWeight(flag, { file, row, field: `${field}.${name}` });
    weight = (weight ?? 1) * number;
  }
  return weight;
}

/** Text out of parts `[{"type": "text", "text": …, "train": false}, …]`, with spans where parts count differently. */
export function joinParts(
  fields: RowFields,
  parts: readonly unknown[],
  field: string,
): { readonly content: string; readonly spans?: readonly ContentSpan[] } {
  const { file, row } = fields.raw;
  let content = '';
  const spans: ContentSpan[] = [];
  parts.forEach((part, i) => {
    const place = `${field}[${i}]`;
    const value = (typeof part === 'object' && part !== null ? part : {}) as Record<string, unknown>;
    const { type = 'text', text } = value;
    if (type !== 'text' || typeof text !== 'string') {
      throw dataError(
        { file, row, field: place },
        'expected {"type": "text", "text": "…"}, came ' +
          `${describe(type === 'text' ? part : type)}. Only text can be learned`,
      );
    }
    const weight = trainingWeight(fields, value, place);
    const begin = content.length;
    content += fields.checkText(text, `${place}.text`);
    if (weight !== undefined && weight !== 1 && text !== '') spans.push({ begin, end: content.length, weight });
  });
  return { content, ...(spans.length === 0 ? {} : { spans }) };
}

/**
 * Axolotl's `train_detail`: [{begin_offset, end_offset, train}], offsets in characters (code points, as Python counts),
 * the end included. Also `weight` instead of `train`.
 */
export function detailSpans(
  fields: RowFields,
  message: Readonly<Record<string, unknown>>,
  content: string,
  field: string,
): readonly ContentSpan[] | undefined {
  const { file, row } = fields.raw;
  const name = DETAILS.find((one) => message[one] !== undefined && message[one] !== null);
  if (name === undefined) return undefined;
  const list = message[name];
  if (!Array.isArray(list)) {
    throw dataError({ file, row, field: `${field}.${name}` }, `expected a list of {begin_offset, end_offset, train}, came ${describe(list)}`);
  }
  const place = codePoints(content);
  const spans = list.map((item: unknown, i): ContentSpan => {
    const where = `${field}.${name}[${i}]`;
    const value = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
    const { begin_offset: begin, end_offset: last } = value;
    const weight = trainingWeight(fields, value, where);
    if (!Number.isInteger(begin) || !Number.isInteger(last) || weight === undefined) {
      throw dataError({ file, row, field: where }, `expected {"begin_offset": 0, "end_offset": 4, "train": false}, came ${describe(item)}`);
    }
    const [from, to] = [place(begin as number), place((last as number) + 1)];
    if (from === undefined || to === undefined || to <= from) {
      throw dataError(
        { file, row, field: where },
        `expected characters within the content, came ${String(begin)} to ${String(last)}. Offsets count characters from 0, the end included`,
      );
    }
    return { begin: from, end: to, weight };
  });
  spans.sort((a, b) => a.begin - b.begin);
  const overlap = spans.findIndex((span, i) => i > 0 && span.begin < (spans[i - 1] as ContentSpan).end);
  if (overlap !== -1) {
    throw dataError({ file, row, field: `${field}.${name}` }, 'expected spans that do not overlap. Correct the offsets');
  }
  return spans.filter(({ weight }) => weight !== 1);
}

/** From a count of code points to a place in UTF-16; undefined outside the text. */
function codePoints(text: string): (count: number) => number | undefined {
  if (!/[\ud800-\udbff]/.test(text)) return (count) => (count >= 0 && count <= text.length ? count : undefined);
  const places: number[] = [0];
  for (const char of text) places.push((places.at(-1) as number) + char.length);
  return (count) => places[count];
}
