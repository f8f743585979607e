// An adapter merged into its base: W + scale * B A for every adapted weight, in the weight's own type, shard by shard
// in row blocks, so that memory stays small whatever the model. Headers, other tensors and all other files stay as
// they are, byte for byte. The new folder appears as a whole, after it has been read back and compared.

import { copyFile, open, readdir, rmdir, stat, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AdapterModule } from '../engine/types.js';
import { EngineError } from '../errors.js';
import { readJsonObject } from '../model/fields.js';
import { loadModelFolder, type LoadedModel } from '../model/load.js';
import { engineName, projectionShape } from '../model/names.js';
import { planSafetensors, readSafetensorsHeader, type SafetensorsEntry, type SafetensorsHeader } from '../model/safetensors.js';
import { INDEX_FILE, WEIGHTS_FILE, readShardHeaders } from '../model/shards.js';
import type { FileDtype, HostTensor, TensorName } from '../tensors.js';
import { LEDGER_COPY, ledgerText, mergeLedgers, readLedger } from '../track/ledger.js';
import { readAdapter } from './adapter.js';
import { syncPath, writeFolderAtomic, writeSynced, type AtomicIo, type Written } from './atomic.js';
import { checkCopies } from './copies.js';
import { ELEMENT_BYTES, decode, encode } from './convert.js';
import { fileDigest } from './digest.js';

export interface MergeOptions {
  /** Folder of the base model. */
  readonly model: string;
  /** Folder of the adapter. */
  readonly adapter: string;
  /** New folder; must not exist, or be empty. */
  readonly out: string;
  /**
   * What to do with an adapter on a head that is tied to the embedding: refuse (false), or store the head as a tensor
   * of its own and write "tie_word_embeddings": false into config.json (true). @default false
   */
  readonly untieHead?: boolean;
  readonly signal?: AbortSignal;
  /** Bytes of weights written, of all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly io?: AtomicIo;
}

export interface MergeReport {
  readonly out: string;
  /** Weights that changed. */
  readonly merged: number;
  readonly files: readonly (Written & { readonly file: string })[];
  /** True when the head got a tensor of its own. */
  readonly untied: boolean;
}

interface Delta {
  readonly a: Float32Array; // [rank, K]
  readonly b: Float32Array; // [N, rank]
  readonly rank: number;
  readonly scale: number;
}

/** Files of other formats, which would contradict the merged weights. */
const OTHER_WEIGHTS = /\.(safetensors|bin|pt|pth|ckpt|gguf|h5|msgpack|onnx|ot)$|\.bin\.index\.json$/;
const CHUNK = 4 * 2 ** 20;
/** Multiply-adds of one block: a few milliseconds, so that the event loop stays free. */
const BLOCK_WORK = 2 ** 20;

/** Merges and verifies. A failure or abort leaves nothing at `out`. */
export async function mergeAdapter(options: MergeOptions): Promise<MergeReport> {
  const out = resolve(options.out);
  await checkOut(out);
  const model = await loadModelFolder(options.model);
  const adapter = await readAdapter(options.adapter, model.spec);
  await checkCopies(adapter, model);
  const deltas = deltasOf(adapter.modules, adapter.tensors);
  const headers = await readShardHeaders(model.folder);
  const head = planHead(model, headers, deltas.has('head'), options.untieHead ?? false, out);

  const total = headers.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  const written: (Written & { file: string })[] = [];
  await writeFolderAtomic(out, async (temporary) => {
    let done = 0;
    const onBytes = (bytes: number): void => options.onProgress?.((done += bytes), total);
    for (const header of headers) {
      const file = head.rename(header.file.slice(model.folder.length + 1));
      const result = await writeSynced(join(temporary, file), mergedBytes(header, deltas, onBytes, options.signal), options.io);
      await verify(join(temporary, file), result, header.entries);
      written.push({ file, ...result });
    }
    if (head.source !== undefined) {
      const { file, chunks, entries } = newHead(head.source, deltas.get('head') as Delta, head.file, options.signal);
      const result = await writeSynced(join(temporary, file), chunks, options.io);
      await verify(join(temporary, file), result, entries);
      written.push({ file, ...result });
    }
    await copyRest(model, temporary, head, headers, options.io);
    await mergeTestLedgers([model.folder, options.adapter], temporary, options.io);
  });
  return { out, merged: deltas.size, files: written, untied: head.untie };
}

async function checkOut(out: string): Promise<void> {
  const names: string[] | undefined = await readdir(out).catch(() => undefined);
  if (names === undefined) return;
  if (names.length > 0) fail(out, 'is not empty', 'Give a new folder for the merged model');
  await rmdir(out); // an empty folder gives way
}

function deltasOf(modules: readonly AdapterModule[], tensors: readonly HostTensor[]): ReadonlyMap<TensorName, Delta> {
  const byName = new Map(tensors.map(({ name, data }) => [name, data]));
  return new Map(modules.map(({ layer, projection, rank, scale }) => {
    const name = projection === 'head' ? 'head' : `layers.${layer}.${projection}`;
    return [name, { a: byName.get(`${name}.a`) as Float32Array, b: byName.get(`${name}.b`) as Float32Array, rank, scale }];
  }));
}

interface HeadPlan {
  /** config.json must say that the head is not tied any more. */
  readonly untie: boolean;
  /** The embedding that a new tensor for the head starts from. */
  readonly source?: { readonly file: string; readonly entry: SafetensorsEntry };
  /** Name of the file for the new head. */
  readonly file: string;
  /** Shards keep their names; a single file becomes the first of two. */
  readonly rename: (file: string) => string;
}

function planHead(model: LoadedModel, headers: readonly SafetensorsHeader[], wanted: boolean, untieHead: boolean, out: string): HeadPlan {
  const same = { file: '', rename: (file: string): string => file };
  if (!wanted || !model.spec.tiedHead) return { ...same, untie: false };
  if (!untieHead) {
    fail(out, 'the adapter changes the head, but this model\'s head is tied to its embedding',
      'Merge with untieHead (the head becomes a tensor of its own, config.json says so), or train without lm_head');
  }
  const find = (wantedName: string): HeadPlan['source'] => {
    for (const { file, entries } of headers) {
      const entry = entries.find(({ name }) => engineName(name) === wantedName);
      if (entry !== undefined) return { file, entry };
    }
    return undefined;
  };
  if (find('embed') === undefined) fail(out, 'the weights hold the tied pair as lm_head.weight only, which cannot be untied here');
  if (find('head') !== undefined) return { ...same, untie: true };
  const single = headers.length === 1 && headers[0]?.file.endsWith(`/${WEIGHTS_FILE}`);
  return {
    untie: true,
    source: find('embed') as NonNullable<HeadPlan['source']>,
    file: single ? 'model-00002-of-00002.safetensors' : 'model-lm_head.safetensors',
    rename: (file) => (single ? 'model-00001-of-00002.safetensors' : file),
  };
}

/** A shard's new bytes: its header as it is, and its tensors, merged where there is a delta. */
async function* mergedBytes(
  header: SafetensorsHeader, deltas: ReadonlyMap<TensorName, Delta>, onBytes: (bytes: number) => void, signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const handle = await open(header.file);
  try {
    const first = header.entries[0]?.begin ?? header.fileBytes;
    yield* copied(handle, 0, first, onBytes, signal);
    for (const entry of header.entries) {
      const delta = deltas.get(engineName(entry.name) ?? '');
      if (delta === undefined) yield* copied(handle, entry.begin, entry.end, onBytes, signal);
      else yield* mergedTensor(handle, header.file, entry, delta, onBytes, signal);
    }
  } finally {
    await handle.close();
  }
}

async function* copied(handle: FileHandle, begin: number, end: number, onBytes: (bytes: number) => void, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  for (let at = begin; at < end; at += CHUNK) {
    signal?.throwIfAborted();
    const bytes = await readExactly(handle, at, Math.min(CHUNK, end - at));
    yield bytes;
    onBytes(bytes.length);
  }
}

async function* mergedTensor(
  handle: FileHandle, file: string, entry: SafetensorsEntry, delta: Delta, onBytes: (bytes: number) => void, signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const [rows, columns] = entry.shape as readonly [number, number];
  const dtype = entry.dtype as FileDtype;
  const rowBytes = columns * ELEMENT_BYTES[dtype];
  const block = Math.max(1, Math.floor(BLOCK_WORK / (columns * delta.rank)));
  for (let row = 0; row < rows; row += block) {
    signal?.throwIfAborted();
    const count = Math.min(block, rows - row);
    const values = decode(await readExactly(handle, entry.begin + row * rowBytes, count * rowBytes), dtype);
    addDelta(values, delta, row, columns);
    checkFinite(values, dtype, entry.name, file);
    const bytes = encode(values, dtype);
    yield bytes;
    onBytes(bytes.length);
  }
}

/** values[i, :] += scale * b[row + i, :] a, in double; four ranks at a time, so that a row is passed less often. */
function addDelta(values: Float64Array, { a, b, rank, scale }: Delta, row: number, columns: number): void {
  const part = (i: number, j: number): number => (j < rank ? scale * (b[(row + i) * rank + j] as number) : 0);
  for (let i = 0; i * columns < values.length; i += 1) {
    const target = values.subarray(i * columns, (i + 1) * columns);
    for (let j = 0; j < rank; j += 4) {
      const [f0, f1, f2, f3] = [part(i, j), part(i, j + 1), part(i, j + 2), part(i, j + 3)];
      const at = (offset: number): number => Math.min(j + offset, rank - 1) * columns; // past the rank the factor is 0
      const [a0, a1, a2, a3] = [at(0), at(1), at(2), at(3)];
      for (let k = 0; k < columns; k += 1) {
        target[k] = (target[k] as number) + f0 * (a[a0 + k] as number) + f1 * (a[a1 + k] as number) +
          f2 * (a[a2 + k] as number) + f3 * (a[a3 + k] as number);
      }
    }
  }
}

/** Sizes from which a value rounds to infinity. */
const LIMIT: Readonly<Record<FileDtype, number>> = { F64: Infinity, F32: (2 - 2 ** -24) * 2 ** 127, BF16: (2 - 2 ** -8) * 2 ** 127, F16: 65520 };

function checkFinite(values: Float64Array, dtype: FileDtype, name: string, file: string): void {
  const limit = LIMIT[dtype];
  for (let i = 0; i < values.length; i += 1) {
    if (Math.abs(values[i] as number) < limit) continue; // false for NaN
    fail(file, `tensor ${name}: the merged weight has values that ${dtype} cannot hold`, 'The base or the adapter is broken, or the adapter is far too strong');
  }
}

/** A file with lm_head.weight alone: the embedding plus the head's delta. */
function newHead({ file: source, entry }: NonNullable<HeadPlan['source']>, delta: Delta, file: string, signal?: AbortSignal) {
  const plan = planSafetensors([{ name: 'lm_head.weight', dtype: entry.dtype, shape: entry.shape }]);
  async function* chunks(): AsyncIterable<Uint8Array> {
    yield plan.header;
    const handle = await open(source);
    try {
      yield* mergedTensor(handle, source, entry, delta, () => undefined, signal);
    } finally {
      await handle.close();
    }
  }
  return { file, chunks: chunks(), entries: plan.entries };
}

/** Reads a written file back: the same bytes, and the same tensors as planned. */
async function verify(file: string, { sha256, bytes }: Written, entries: readonly SafetensorsEntry[]): Promise<void> {
  const found = await fileDigest(file);
  if (found.sha256 !== sha256 || found.bytes !== bytes) fail(file, 'what was read back is not what was written', 'The disk or its driver is failing');
  const plain = (list: readonly SafetensorsEntry[]): string => JSON.stringify(list.map(({ name, dtype, shape, begin, end }) => [name, dtype, shape, begin, end]));
  if (plain((await readSafetensorsHeader(file)).entries) !== plain(entries)) fail(file, 'has other tensors than planned');
}

async function copyRest(model: LoadedModel, to: string, head: HeadPlan, headers: readonly SafetensorsHeader[], io?: AtomicIo): Promise<void> {
  for (const name of await readdir(model.folder)) {
    const from = join(model.folder, name);
    if (OTHER_WEIGHTS.test(name) || name === LEDGER_COPY || name.startsWith('.') || !(await stat(from)).isFile()) continue;
    if (name === INDEX_FILE && head.source !== undefined) continue;
    if (name === 'config.json' && head.untie) {
      const config = { ...(await readJsonObject(from)), tie_word_embeddings: false };
      await writeSynced(join(to, name), Buffer.from(`${JSON.stringify(config, null, 2)}\n`), io);
    } else {
      await copyFile(from, join(to, name));
      await syncPath(join(to, name));
    }
  }
  if (head.source === undefined) return;
  const map: Record<string, string> = {};
  for (const { file, entries } of headers) for (const { name } of entries) map[name] = head.rename(file.slice(model.folder.length + 1));
  map['lm_head.weight'] = head.file;
  const [rows, columns] = projectionShape(model.spec, 'head');
  const bytes = headers.flatMap(({ entries }) => entries).reduce((sum, { begin, end }) => sum + end - begin, 0);
  const total_size = bytes + rows * columns * ELEMENT_BYTES[head.source.entry.dtype as FileDtype];
  await writeSynced(join(to, INDEX_FILE), Buffer.from(`${JSON.stringify({ metadata: { total_size }, weight_map: map }, null, 2)}\n`), io);
}

/** A merged model has seen every test set that its base or its adapter has. */
async function mergeTestLedgers(folders: readonly string[], to: string, io?: AtomicIo): Promise<void> {
  const ledgers = await Promise.all(folders.map(async (folder) => (await readLedger(join(folder, LEDGER_COPY))).entries));
  const entries = mergeLedgers(ledgers);
  if (entries.length > 0) await writeSynced(join(to, LEDGER_COPY), Buffer.from(ledgerText(entries)), io);
}

async function readExactly(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) fail('weights', `a file ended ${length - done} bytes early while it was read`);
    done += bytesRead;
  }
  return bytes;
}

function fail(file: string, problem: string, advice?: string): never {
  throw new EngineError(`${file}: ${problem}${advice === undefined ? '' : `. ${advice}.`}`, { code: 'ERR_CHECKPOINT', file, problem });
}
