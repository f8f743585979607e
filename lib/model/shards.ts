// A model folder's weights: one model.safetensors, or shards with an index. Every header is checked, every tensor is
// named for the engine and compared with the shape that the spec demands, and what is missing, doubled, misplaced or
// unknown is an error that names it. No weight is read.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import type { FileDtype, ModelSpec, TensorSource } from '../tensors.js';
import { Fields, readJsonObject } from './fields.js';
import { engineName, expectedTensors, hubName, isIgnoredTensor } from './names.js';
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors.js';

export const WEIGHTS_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';
const DTYPES: ReadonlySet<string> = new Set<FileDtype>(['F64', 'F32', 'BF16', 'F16']);

/** The checked headers of all weight files of a folder, in the order of their names. */
export async function readShardHeaders(folder: string): Promise<readonly SafetensorsHeader[]> {
  const names = await readdir(folder);
  if (names.includes(WEIGHTS_FILE)) return [await readSafetensorsHeader(join(folder, WEIGHTS_FILE))];
  if (!names.includes(INDEX_FILE)) return noWeights(folder, names);

  const map = await readWeightMap(join(folder, INDEX_FILE));
  const headers: SafetensorsHeader[] = [];
  for (const shard of [...new Set(map.values())].sort()) {
    if (!names.includes(shard)) {
      fail(join(folder, shard), `${INDEX_FILE} names this shard, but it is missing`, 'Fetch the model again, all files of it');
    }
    headers.push(await readSafetensorsHeader(join(folder, shard)));
  }
  checkAgainstIndex(headers, map, folder);
  return headers;
}

function noWeights(folder: string, names: readonly string[]): never {
  const pickle = names.find((name) => /\.(bin|pt|pth|ckpt)$/.test(name));
  fail(folder, `expected ${WEIGHTS_FILE} or ${INDEX_FILE}, found neither`, pickle === undefined
    ? 'Point at the folder that holds the weights'
    : `${pickle} is a pickle, which can run code and is never read: convert it to safetensors first`);
}

/** Tensor → shard; every shard is a plain name. */
export async function readWeightMap(file: string): Promise<ReadonlyMap<string, string>> {
  const index = new Fields((await readJsonObject(file)) ?? {}, file);
  const entries = index.required('weight_map', index.object('weight_map'));
  const map = new Map<string, string>();
  for (const name of entries.keys()) {
    const shard = entries.string(name);
    if (shard === undefined || !/^[A-Za-z0-9_][A-Za-z0-9._-]*\.safetensors$/.test(shard)) {
      entries.fail(name, 'the plain name of a .safetensors file in the same folder');
    }
    map.set(name, shard as string);
  }
  return map;
}

function checkAgainstIndex(headers: readonly SafetensorsHeader[], map: ReadonlyMap<string, string>, folder: string): void {
  const found = new Set<string>();
  for (const header of headers) {
    for (const { name } of header.entries) {
      const mapped = map.get(name);
      if (mapped === undefined) fail(header.file, `tensor ${name} is not in the weight_map of ${INDEX_FILE}`);
      if (join(folder, mapped as string) !== header.file) fail(header.file, `holds tensor ${name}, which ${INDEX_FILE} maps to ${mapped}`);
      found.add(name);
    }
  }
  for (const [name, shard] of map) if (!found.has(name)) fail(join(folder, shard), `${INDEX_FILE} maps tensor ${name} here, but it is missing`);
}

/** Names and checks every tensor. `lm_head` may be present for a tied head; then its source is included. */
export function namedSources(headers: readonly SafetensorsHeader[], spec: ModelSpec): readonly TensorSource[] {
  const expected = expectedTensors(spec);
  const sources = new Map<string, TensorSource>();
  for (const { file, entries } of headers) {
    for (const entry of entries) {
      if (isIgnoredTensor(entry.name)) continue;
      const name = engineName(entry.name);
      const shape = name === 'head' ? [spec.vocabulary, spec.width] : expected.get(name ?? '');
      if (name === undefined || shape === undefined) {
        return fail(file, `unexpected tensor ${entry.name}: config.json describes a ${spec.family} model without it`,
          'Check that config.json belongs to these weights');
      }
      if (sources.has(name)) fail(file, `tensor ${entry.name} is there twice (with and without "model." in front, or in two shards)`);
      if (entry.shape.join() !== shape.join()) {
        fail(file, `tensor ${entry.name}: config.json asks for shape [${shape.join(', ')}], the file has [${entry.shape.join(', ')}]`,
          'Check that config.json belongs to these weights');
      }
      if (!DTYPES.has(entry.dtype)) {
        const reason = `${entry.name} is stored as ${entry.dtype}; supported are ${[...DTYPES].join(', ')}`;
        throw new EngineError(`${file}: ${reason}`, { code: 'ERR_UNSUPPORTED', op: 'load model', reasons: [reason] });
      }
      const { dtype, begin, end } = entry;
      sources.set(name, { name, dtype: dtype as FileDtype, shape, file, begin, end });
    }
  }
  const headStandsIn = spec.tiedHead && sources.has('head'); // a tied pair may be stored under either name
  const missing = [...expected.keys()].filter((name) => !sources.has(name) && !(name === 'embed' && headStandsIn));
  if (missing.length > 0) {
    const names = missing.map(hubName);
    fail(headers[0]?.file ?? 'weights', `missing ${names.length === 1 ? 'tensor' : `${names.length} tensors, first`} ${names[0]}`,
      missing[0] === 'head' ? 'If the head is tied, config.json must say "tie_word_embeddings": true' : 'The weights are incomplete: fetch the model again');
  }
  return [...expected.keys(), ...(spec.tiedHead ? ['head'] : [])].flatMap((name) => sources.get(name) ?? []);
}

function fail(file: string, problem: string, advice?: string): never {
  throw new EngineError(`${file}: ${problem}${advice === undefined ? '' : `. ${advice}.`}`, { code: 'ERR_CHECKPOINT', file, problem });
}
