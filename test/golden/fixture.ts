// Reads the golden files: the cases, their numbers, and a model folder put together from config.json and the weights.
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Batch } from '../../lib/batch.js';

/** This folder, or the copy of it that WHETSTONE_GOLDEN names. */
const here = (): string => process.env['WHETSTONE_GOLDEN'] ?? dirname(fileURLToPath(import.meta.url));

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array | Int32Array;
}

export interface GoldenCase {
  readonly name: string;
  /** Model folder, or undefined for a model that is not on this machine. */
  readonly folder: string | undefined;
  readonly adapter: string;
  readonly optimizer: {
    readonly lr: number; readonly betas: readonly [number, number]; readonly eps: number;
    readonly weight_decay: number; readonly clip: number;
  };
  readonly tensors: ReadonlyMap<string, GoldenTensor>;
}

/** Just enough of safetensors for our own files: F64 and I32, written by make.py. */
export function readTensors(file: string): Map<string, GoldenTensor> {
  const bytes = readFileSync(file);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + size)) as
    Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  return new Map(Object.entries(header).filter(([name]) => name !== '__metadata__').map(([name, entry]) => {
    const [begin, end] = entry.data_offsets;
    const data = Uint8Array.from(bytes.subarray(8 + size + begin, 8 + size + end)).buffer;
    if (entry.dtype !== 'F64' && entry.dtype !== 'I32') throw new Error(`${file}: ${name} is ${entry.dtype}`);
    return [name, { shape: entry.shape, data: entry.dtype === 'F64' ? new Float64Array(data) : new Int32Array(data) }];
  }));
}

let scratch: string | undefined;

/** Deletes the model folders that `openCase` made. */
export function removeFolders(): void {
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  scratch = undefined;
}

export function caseNames(): readonly string[] {
  return readdirSync(join(here(), 'cases')).sort();
}

export function openCase(name: string): GoldenCase {
  const place = join(here(), 'cases', name);
  const facts = JSON.parse(readFileSync(join(place, 'golden.json'), 'utf8')) as
    { weights: string | null; folder: string | null; optimizer: GoldenCase['optimizer'] };
  let folder: string | undefined;
  if (facts.weights === null) {
    const given = join(here(), '..', '..', '..', 'shared', 'models', facts.folder!);
    folder = existsSync(join(given, 'config.json')) ? given : undefined;
  } else {
    scratch ??= mkdtempSync(join(tmpdir(), 'whetstone-golden-'));
    folder = join(scratch, name);
    if (!existsSync(folder)) {
      cpSync(join(place, 'config.json'), join(folder, 'config.json'), { recursive: true });
      symlinkSync(join(here(), 'weights', `${facts.weights}.safetensors`), join(folder, 'model.safetensors'));
    }
  }
  return { name, folder, adapter: join(place, 'adapter'), optimizer: facts.optimizer, tensors: readTensors(join(place, 'golden.safetensors')) };
}

export function floats(golden: GoldenCase, name: string): Float64Array {
  const found = golden.tensors.get(name)?.data;
  if (!(found instanceof Float64Array)) throw new Error(`${golden.name} holds no f64 tensor ${name}`);
  return found;
}

export function ints(golden: GoldenCase, name: string): Int32Array {
  const found = golden.tensors.get(name)?.data;
  if (!(found instanceof Int32Array)) throw new Error(`${golden.name} holds no i32 tensor ${name}`);
  return found;
}

/** One of the stored batches, packed: all documents end to end on one adapter. */
export function goldenBatch(golden: GoldenCase, number: number, slot: number): Batch {
  const tokens = ints(golden, `batch${number}.tokens`);
  const seqBegin = ints(golden, `batch${number}.seq_begin`);
  const positions = new Int32Array(tokens.length);
  for (let q = 0; q + 1 < seqBegin.length; q++) {
    for (let t = seqBegin[q]!; t < seqBegin[q + 1]!; t++) positions[t] = t - seqBegin[q]!;
  }
  return { tokens, labels: ints(golden, `batch${number}.labels`), positions, seqBegin, segments: [{ begin: 0, end: tokens.length, slot }] };
}
