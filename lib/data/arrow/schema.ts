// The columns of an Arrow file: names and types from the metadata, nested as they are.
import type { Table } from './flatbuffer.js';

export type ArrowType =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'struct' }
  | { readonly kind: 'map' }
  | { readonly kind: 'int'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'float'; readonly bits: number }
  | { readonly kind: 'text' | 'binary'; readonly layout: 'small' | 'large' | 'view' | 'fixed'; readonly width: number }
  | { readonly kind: 'list'; readonly layout: 'small' | 'large' | 'fixed'; readonly width: number }
  /** Whole numbers of a unit since 1970; `perMilli` units are a millisecond. */
  | { readonly kind: 'time'; readonly bits: number; readonly perMilli: number; readonly date: boolean };

export interface ArrowField {
  readonly name: string;
  readonly type: ArrowType;
  readonly children: readonly ArrowField[];
  /** Values are numbers of rows in the dictionary of this id. */
  readonly dictionary?: { readonly id: number; readonly index: ArrowType };
}

const DEEPEST = 64;
const PER_MILLI = [1 / 1000, 1, 1000, 1_000_000];

export function readField(table: Table, depth = 0): ArrowField {
  if (depth > DEEPEST) throw new RangeError(`columns nested more than ${DEEPEST} deep`);
  const name = table.text(0) ?? '';
  const dictionary = table.table(4);
  const index = dictionary?.table(1);
  return {
    name,
    type: readType(name, table.uint8(2), table.table(3)),
    children: table.tables(5).map((child) => readField(child, depth + 1)),
    ...(dictionary === undefined
      ? {}
      : {
          dictionary: {
            id: dictionary.int64(0),
            index: index === undefined ? { kind: 'int', bits: 32, signed: true } : readType(name, 2, index),
          },
        }),
  };
}

function readType(name: string, kind: number, table: Table | undefined): ArrowType {
  const int = (field: number, missing: number) => table?.int32(field, missing) ?? missing;
  const short = (field: number, missing: number) => table?.int16(field, missing) ?? missing;
  switch (kind) {
    case 1: return { kind: 'null' };
    case 2: return { kind: 'int', bits: checkedBits(int(0, 0)), signed: (table?.int8(1) ?? 0) !== 0 };
    case 3: return { kind: 'float', bits: 16 << Math.min(2, Math.max(0, short(0, 0))) };
    case 4: return { kind: 'binary', layout: 'small', width: 0 };
    case 5: return { kind: 'text', layout: 'small', width: 0 };
    case 6: return { kind: 'bool' };
    case 8: return short(0, 1) === 0 ? { kind: 'time', bits: 32, perMilli: 1 / 86_400_000, date: true }
      : { kind: 'time', bits: 64, perMilli: 1, date: true };
    case 10: return { kind: 'time', bits: 64, perMilli: PER_MILLI[short(0, 0)] ?? 1, date: false };
    case 12: return { kind: 'list', layout: 'small', width: 0 };
    case 13: return { kind: 'struct' };
    case 15: return { kind: 'binary', layout: 'fixed', width: int(0, 0) };
    case 16: return { kind: 'list', layout: 'fixed', width: int(0, 0) };
    case 17: return { kind: 'map' };
    case 19: return { kind: 'binary', layout: 'large', width: 0 };
    case 20: return { kind: 'text', layout: 'large', width: 0 };
    case 21: return { kind: 'list', layout: 'large', width: 0 };
    case 23: return { kind: 'binary', layout: 'view', width: 0 };
    case 24: return { kind: 'text', layout: 'view', width: 0 };
    default:
      throw new RangeError(
        `the column "${name}" of Arrow type ${kind} (decimals, unions, intervals and run-end encoding are not read; ` +
          'cast it, or leave it out)',
      );
  }
}

function checkedBits(bits: number): number {
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) throw new RangeError(`integers of ${bits} bits`);
  return bits;
}
