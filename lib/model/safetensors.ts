// The safetensors container: reads and checks a file's header, and lays out a new file. Every rule that the format
// has is checked here before anybody touches an offset; contents are read by native code or by lib/checkpoint.
// Writing to disk is lib/checkpoint/atomic.ts; this file only makes the bytes of the header.

import { open } from 'node:fs/promises';
import { EngineError } from '../errors.js';
import { JsonNumber, parseStrictJson, type StrictJson } from './strict-json.js';

/** Bits of one element, for every dtype that the format knows. */
const DTYPE_BITS: ReadonlyMap<string, number> = new Map([
  ['F64', 64], ['I64', 64], ['U64', 64], ['C64', 64], ['F32', 32], ['I32', 32], ['U32', 32], ['F16', 16], ['BF16', 16],
  ['I16', 16], ['U16', 16], ['BOOL', 8], ['U8', 8], ['I8', 8], ['F8_E4M3', 8], ['F8_E5M2', 8], ['F8_E8M0', 8],
  ['F8_E4M3FNUZ', 8], ['F8_E5M2FNUZ', 8], ['F6_E2M3', 6], ['F6_E3M2', 6], ['F4', 4],
]);

/** The Python writer puts wider types first, and names in byte order within a type. */
const WRITE_ORDER = ['F64', 'F32', 'BF16', 'F16'] as const;

/** No header of a real model comes near; the Python reader has the same limit. */
const MAX_HEADER_BYTES = 100_000_000;

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Offsets in the file, not in its data section. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly file: string;
  readonly fileBytes: number;
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of their bytes. They cover the data section exactly. */
  readonly entries: readonly SafetensorsEntry[];
  /** The header's own bytes, for fingerprints. */
  readonly text: string;
}

function refuse(file: string, problem: string, cause?: unknown): never {
  throw new EngineError(`${file}: ${problem}. The file is damaged or was not written by safetensors; fetch it again.`,
    { code: 'ERR_CHECKPOINT', file, problem }, { cause });
}

/** Reads and checks the header of a file. Costs the header's bytes, whatever the size of the file. */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsHeader> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    return refuse(file, `cannot be opened (${(error as NodeJS.ErrnoException).code ?? String(error)})`, error);
  }
  try {
    const { size } = await handle.stat();
    if (size < 8) refuse(file, `expected at least 8 bytes of header length, the file has ${size}`);
    const prefix = new Uint8Array(8);
    await handle.read(prefix, 0, 8, 0);
    const length = new DataView(prefix.buffer).getBigUint64(0, true);
    if (length > BigInt(MAX_HEADER_BYTES)) {
      refuse(file, `the header claims ${length} bytes, more than the ${MAX_HEADER_BYTES} allowed`);
    }
    if (length > BigInt(size - 8)) {
      refuse(file, `the header claims ${length} bytes, but only ${size - 8} follow its length`);
    }
    const bytes = new Uint8Array(Number(length));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 8);
    if (bytesRead !== bytes.length) refuse(file, `expected ${bytes.length} bytes of header, could read ${bytesRead}`);
    return parseSafetensorsHeader(bytes, size, file);
  } finally {
    await handle.close();
  }
}

/** Checks a header's bytes against the length of the file that they came from. */
export function parseSafetensorsHeader(bytes: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    return refuse(file, 'the header is not UTF-8', error);
  }
  if (text[0] !== '{') refuse(file, `the header must begin with "{", it begins with ${JSON.stringify(text.slice(0, 8))}`);
  let root: StrictJson;
  try {
    root = parseStrictJson(text);
  } catch (error) {
    return refuse(file, `the header is not JSON: ${(error as Error).message}`, error);
  }
  const metadata = new Map<string, string>();
  const entries: SafetensorsEntry[] = [];
  const dataBegin = 8 + bytes.length;
  for (const [name, value] of root as ReadonlyMap<string, StrictJson>) {
    if (name === '__metadata__') readMetadata(value, metadata, file);
    else entries.push(readEntry(name, value, dataBegin, fileBytes, file));
  }
  entries.sort((one, other) => one.begin - other.begin || one.end - other.end);
  checkCoverage(entries, dataBegin, fileBytes, file);
  return { file, fileBytes, metadata, entries, text };
}

function readMetadata(value: StrictJson, into: Map<string, string>, file: string): void {
  if (!(value instanceof Map)) refuse(file, '__metadata__ must be an object of strings');
  for (const [key, text] of value as ReadonlyMap<string, StrictJson>) {
    if (typeof text !== 'string') refuse(file, `__metadata__.${key} must be a string`);
    into.set(key, text as string);
  }
}

function readEntry(
  name: string, value: StrictJson, dataBegin: number, fileBytes: number, file: string,
): SafetensorsEntry {
  const where = `tensor ${JSON.stringify(name)}`;
  if (!(value instanceof Map)) refuse(file, `${where}: expected an object with dtype, shape and data_offsets`);
  const fields = value as ReadonlyMap<string, StrictJson>;
  for (const key of fields.keys()) {
    if (key !== 'dtype' && key !== 'shape' && key !== 'data_offsets') refuse(file, `${where}: unknown key ${JSON.stringify(key)}`);
  }
  const dtype = fields.get('dtype');
  const bits = typeof dtype === 'string' ? DTYPE_BITS.get(dtype) : undefined;
  if (bits === undefined) refuse(file, `${where}: unknown dtype ${show(dtype)}`);
  const shape = integers(fields.get('shape'));
  if (shape === undefined) refuse(file, `${where}: shape must be a list of non-negative integers, not ${show(fields.get('shape'))}`);
  const offsets = integers(fields.get('data_offsets'));
  if (offsets === undefined || offsets.length !== 2) {
    return refuse(file, `${where}: data_offsets must be two non-negative integers, not ${show(fields.get('data_offsets'))}`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) refuse(file, `${where}: data_offsets begin at ${begin}, after their end ${end}`);
  if (end > fileBytes - dataBegin) {
    refuse(file, `${where}: data ends at ${end}, but the file holds ${fileBytes - dataBegin} bytes of data`);
  }
  const elements = (shape as number[]).reduce((product, extent) => product * BigInt(extent), 1n);
  const expected = elements * BigInt(bits as number);
  if (expected !== BigInt(end - begin) * 8n) {
    refuse(file, `${where}: ${dtype} [${shape?.join(', ')}] needs ${Number(expected) / 8} bytes, data_offsets span ${end - begin}`);
  }
  return { name, dtype: dtype as string, shape: shape as number[], begin: dataBegin + begin, end: dataBegin + end };
}

function checkCoverage(entries: readonly SafetensorsEntry[], dataBegin: number, fileBytes: number, file: string): void {
  let covered = dataBegin;
  let previous = 'the header';
  for (const { name, begin, end } of entries) {
    const where = `tensor ${JSON.stringify(name)}`;
    if (begin > covered) refuse(file, `${where} begins ${begin - covered} bytes after the end of ${previous}: a hole`);
    if (begin < covered) refuse(file, `${where} overlaps ${previous} by ${covered - begin} bytes`);
    covered = end;
    previous = where;
  }
  if (covered !== fileBytes) refuse(file, `${fileBytes - covered} bytes after the last tensor belong to none`);
}

function integers(value: StrictJson | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const list = (value as readonly StrictJson[]).map((item) => (item instanceof JsonNumber ? item.integer() : undefined));
  return list.every((item) => item !== undefined) ? (list as number[]) : undefined;
}

function show(value: StrictJson | undefined): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${(value as readonly StrictJson[]).map(show).join(', ').slice(0, 60)}]`;
  return value instanceof Map ? 'an object' : (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}

export interface SafetensorsPlan {
  /** The 8 bytes of length and the padded JSON: the first bytes of the file. */
  readonly header: Uint8Array;
  /** Tensors in the order in which their bytes follow, with offsets in the file. */
  readonly entries: readonly SafetensorsEntry[];
  readonly fileBytes: number;
}

/**
 * Lays out a file exactly as the Python writer would: wider types first, names in byte order, metadata in front, the
 * header padded with spaces to a multiple of 8. Equal input gives equal bytes.
 */
export function planSafetensors(
  tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): SafetensorsPlan {
  const rank = (dtype: string): number => (WRITE_ORDER as readonly string[]).indexOf(dtype);
  const foreign = tensors.find(({ dtype }) => rank(dtype) < 0);
  if (foreign !== undefined) {
    throw new EngineError(`${foreign.name}: expected one of ${WRITE_ORDER.join(', ')} to write, received ${foreign.dtype}`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'dtype', expected: WRITE_ORDER.join(', '), received: foreign.dtype });
  }
  const ordered = [...tensors].sort((one, other) =>
    rank(one.dtype) - rank(other.dtype) || Buffer.compare(Buffer.from(one.name), Buffer.from(other.name)));
  const parts = Object.keys(metadata).length === 0 ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let offset = 0;
  const spans = ordered.map(({ name, dtype, shape }) => {
    const begin = offset;
    offset += (shape.reduce((product, extent) => product * extent, 1) * (DTYPE_BITS.get(dtype) as number)) / 8;
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, offset] })}`);
    return { name, dtype, shape, begin, end: offset };
  });
  const json = Buffer.from(`{${parts.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return {
    header,
    entries: spans.map((span) => ({ ...span, begin: header.length + span.begin, end: header.length + span.end })),
    fileBytes: header.length + offset,
  };
}
