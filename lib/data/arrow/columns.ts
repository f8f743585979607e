// Values of a record batch as JSON has them: 64-bit integers are numbers where exact and text where not, dates ISO text,
// bytes base64. Every buffer is checked against the rows that it must hold before it is read.
import { slice } from './flatbuffer.js';
import type { ArrowField, ArrowType } from './schema.js';

/** The value of a row. */
export type Column = (row: number) => unknown;

/** Hands out the nodes and buffers of a batch in the order in which columns need them. */
export interface BatchParts {
  node(): number; // rows
  buffer(): Buffer;
  variadic(): number;
  dictionary(id: number): Column & { readonly rows: number };
}

export function readColumn(field: ArrowField, parts: BatchParts): { readonly rows: number; readonly get: Column } {
  const rows = parts.node();
  const type = field.dictionary?.index ?? field.type;
  const valid = type.kind === 'null' ? undefined : validity(parts.buffer(), rows);
  const values = field.dictionary === undefined ? valuesOf(field, type, rows, parts) : indexed(field, type, rows, parts);
  return { rows, get: valid === undefined ? values : (row) => (valid(row) ? values(row) : null) };
}

function indexed(field: ArrowField, type: ArrowType, rows: number, parts: BatchParts): Column {
  const index = valuesOf(field, type, rows, parts);
  const dictionary = parts.dictionary((field.dictionary as { id: number }).id);
  return (row) => {
    const place = Number(index(row));
    if (!(place >= 0 && place < dictionary.rows)) throw new RangeError(`value ${place} of a dictionary of ${dictionary.rows}`);
    return dictionary(place);
  };
}

function valuesOf(field: ArrowField, type: ArrowType, rows: number, parts: BatchParts): Column {
  switch (type.kind) {
    case 'null':
      return () => null;
    case 'bool': {
      const bits = need(parts.buffer(), Math.ceil(rows / 8));
      return (row) => bit(bits, row);
    }
    case 'int':
      return integers(need(parts.buffer(), rows * (type.bits / 8)), type.bits, type.signed);
    case 'float': {
      const bytes = need(parts.buffer(), rows * (type.bits / 8));
      if (type.bits === 16) return (row) => finite(half(bytes.readUInt16LE(2 * row)));
      return type.bits === 32 ? (row) => finite(bytes.readFloatLE(4 * row)) : (row) => finite(bytes.readDoubleLE(8 * row));
    }
    case 'time': {
      const read = integers(need(parts.buffer(), rows * (type.bits / 8)), type.bits, true);
      return (row) => {
        const date = new Date(Number(read(row)) / type.perMilli);
        return Number.isNaN(date.getTime()) ? null : date.toISOString();
      };
    }
    case 'text':
    case 'binary': {
      const encoding = type.kind === 'text' ? 'utf8' : 'base64';
      const cut = type.layout === 'view' ? views(rows, parts) : type.layout === 'fixed' ? fixed(type.width, rows, parts) : strings(type.layout, rows, parts);
      return (row) => cut(row).toString(encoding);
    }
    case 'map':
    case 'list': {
      const range = type.kind === 'map' ? offsets(parts.buffer(), 'small', rows)
        : type.layout === 'fixed' ? even(type.width) : offsets(parts.buffer(), type.layout, rows);
      const child = readColumn(onlyChild(field), parts);
      range.check(rows, child.rows);
      return (row) => {
        const items: unknown[] = [];
        for (let at = range.begin(row); at < range.begin(row + 1); at++) items.push(child.get(at));
        return items;
      };
    }
    case 'struct': {
      const children = field.children.map((child) => ({ name: child.name, ...readColumn(child, parts) }));
      if (children.some((child) => child.rows < rows)) throw new RangeError(`a part of "${field.name}" has too few rows`);
      return (row) => {
        const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
        for (const { name, get } of children) value[name] = get(row);
        return value;
      };
    }
  }
}

function onlyChild(field: ArrowField): ArrowField {
  const [child] = field.children;
  if (child === undefined) throw new RangeError(`the list "${field.name}" has no items`);
  return child;
}

const bit = (bytes: Buffer, at: number): boolean => (((bytes[at >> 3] as number) >> (at & 7)) & 1) === 1;
/** JSON has no NaN and no infinity. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

function need(bytes: Buffer, size: number): Buffer {
  return slice(bytes, 0, size);
}

function validity(bytes: Buffer, rows: number): ((row: number) => boolean) | undefined {
  if (bytes.length === 0) return undefined;
  const bits = need(bytes, Math.ceil(rows / 8));
  return (row) => bit(bits, row);
}

function integers(bytes: Buffer, bits: number, signed: boolean): Column {
  if (bits === 8) return signed ? (row) => bytes.readInt8(row) : (row) => bytes.readUInt8(row);
  if (bits === 16) return signed ? (row) => bytes.readInt16LE(2 * row) : (row) => bytes.readUInt16LE(2 * row);
  if (bits === 32) return signed ? (row) => bytes.readInt32LE(4 * row) : (row) => bytes.readUInt32LE(4 * row);
  return (row) => {
    const value = signed ? bytes.readBigInt64LE(8 * row) : bytes.readBigUInt64LE(8 * row);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  };
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction === 0 ? Infinity : NaN) : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

interface Ranges {
  begin(row: number): number;
  /** The items of all rows lie one behind the other within what there is. */
  check(rows: number, items: number): void;
}

function offsets(bytes: Buffer, layout: 'small' | 'large', rows: number): Ranges {
  // A batch without rows may leave out even the first offset.
  if (rows === 0) return { begin: () => 0, check: () => undefined };
  const size = layout === 'small' ? 4 : 8;
  const held = need(bytes, (rows + 1) * size);
  const begin = layout === 'small' ? (row: number) => held.readInt32LE(4 * row) : (row: number) => Number(held.readBigInt64LE(8 * row));
  return {
    begin,
    check: (count, items) => {
      let before = begin(0);
      if (before < 0) throw new RangeError(`an offset of ${before}`);
      for (let row = 1; row <= count; row++) {
        const next = begin(row);
        if (!(next >= before)) throw new RangeError('offsets that go backward');
        before = next;
      }
      if (before > items) throw new RangeError(`offset ${before} of ${items}`);
    },
  };
}

function even(width: number): Ranges {
  return {
    begin: (row) => row * width,
    check: (rows, items) => {
      if (!(width >= 0) || rows * width > items) throw new RangeError(`lists of ${width} in ${items} items`);
    },
  };
}

type Cut = (row: number) => Buffer;

function strings(layout: 'small' | 'large', rows: number, parts: BatchParts): Cut {
  const range = offsets(parts.buffer(), layout, rows);
  const data = parts.buffer();
  range.check(rows, data.length);
  return (row) => data.subarray(range.begin(row), range.begin(row + 1));
}

function fixed(width: number, rows: number, parts: BatchParts): Cut {
  const data = need(parts.buffer(), rows * width);
  return (row) => data.subarray(row * width, (row + 1) * width);
}

/** Short texts lie in their 16 bytes, longer ones in one of several buffers. */
function views(rows: number, parts: BatchParts): Cut {
  const held = need(parts.buffer(), rows * 16);
  const data = Array.from({ length: parts.variadic() }, () => parts.buffer());
  return (row) => {
    const size = held.readInt32LE(16 * row);
    if (size <= 12) return slice(held, 16 * row + 4, size);
    const buffer = data[held.readInt32LE(16 * row + 8)];
    if (buffer === undefined) throw new RangeError('a text in a buffer that is not there');
    return slice(buffer, held.readInt32LE(16 * row + 12), size);
  };
}
