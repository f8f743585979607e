// The door to a model on disk: folder or hub name → spec, checked tensor sources, tokenizer files, generation
// defaults and a fingerprint. Reads headers and small JSON files only; the weights are native code's to read.

import { createHash } from 'node:crypto';
import { open, readFile, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { isRepositoryName, snapshot, type Snapshot, type SnapshotOptions } from '../data/hub.js';
import { EngineError, isEngineError } from '../errors.js';
import type { ModelSpec, TensorSource } from '../tensors.js';
import { Fields, readJsonObject } from './fields.js';
import type { SafetensorsHeader } from './safetensors.js';
import { INDEX_FILE, WEIGHTS_FILE, namedSources, readShardHeaders, readWeightMap } from './shards.js';
import { readModelConfig } from './spec.js';
import { checkTokenizerFits, tokenizerSize } from './tokenizer-fit.js';

/** Absolute paths of what belongs to a tokenizer; each only where the file exists. */
export interface TokenizerFiles {
  readonly tokenizer?: string; // tokenizer.json
  readonly config?: string; // tokenizer_config.json
  readonly specialTokens?: string; // special_tokens_map.json
  readonly chatTemplate?: string; // chat_template.jinja
}

/** Generation defaults, from generation_config.json and, for token ids that it lacks, config.json. */
export interface GenerationDefaults {
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId?: number;
  readonly padTokenId?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly repetitionPenalty?: number;
  readonly doSample?: boolean;
}

export interface LoadedModel {
  /** What the caller asked for: a path or a hub name. */
  readonly name: string;
  readonly folder: string;
  readonly spec: ModelSpec;
  readonly weights: readonly TensorSource[];
  readonly tokenizer: TokenizerFiles;
  readonly generation: GenerationDefaults;
  /** Commit of the hub, when it came from there. */
  readonly revision?: string;
  /** Tells one set of weights from another: config, headers, sizes and both ends of each weight file. */
  readonly fingerprint: string;
  /** Things worth a line in a log: config fields without a meaning here, heads that turned out not to be tied. */
  readonly notes: readonly string[];
}

export interface LoadOptions extends Omit<SnapshotOptions, 'kind' | 'allow'> {}

const SMALL_FILES = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json',
  'special_tokens_map.json', 'chat_template.jinja'];

/**
 * Loads a model by the path of its folder, or by its name on the hub ("owner/name"). From the hub only what is
 * needed is fetched: config, tokenizer and safetensors.
 */
export async function loadModel(name: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const isFolder = await stat(name).then((info) => info.isDirectory(), () => false);
  if (isFolder || !isRepositoryName(name)) return loadModelFolder(name);
  const fetched = await fetchModel(name, options).catch((error: unknown) => {
    if (!isEngineError(error, 'ERR_HUB')) throw error;
    throw new EngineError(`${error.message} There is no folder ${JSON.stringify(name)} either.`, error.details, { cause: error });
  });
  const model = await loadModelFolder(fetched.folder, name, fetched.commit);
  return fetched.note === undefined ? model : { ...model, notes: [fetched.note, ...model.notes] };
}

async function fetchModel(name: string, options: LoadOptions): Promise<Snapshot> {
  const first = await snapshot(name, { ...options, allow: [...SMALL_FILES, WEIGHTS_FILE, INDEX_FILE] });
  if (first.files.includes(WEIGHTS_FILE) || !first.files.includes(INDEX_FILE)) return first;
  const shards = new Set((await readWeightMap(join(first.folder, INDEX_FILE))).values());
  await snapshot(name, { ...options, revision: first.commit, allow: [...shards] });
  return first;
}

/** Loads a model folder; `name` and `revision` are what the caller knows it by. */
export async function loadModelFolder(path: string, name = path, revision?: string): Promise<LoadedModel> {
  const folder = isAbsolute(path) ? path : resolve(path);
  const configFile = join(folder, 'config.json');
  const configText = await readConfigText(folder, configFile);
  const config = readModelConfig(configText, configFile);
  const notes = config.ignored.length === 0 ? [] : [`config.json: fields without a meaning here: ${config.ignored.join(', ')}`];

  const headers = await readShardHeaders(folder);
  const { spec, weights } = await settleTie(config.spec, namedSources(headers, config.spec), notes);
  const tokenizer = await findTokenizer(folder);
  if (tokenizer.tokenizer !== undefined) {
    const size = await tokenizerSize(tokenizer.tokenizer);
    if (size !== undefined) checkTokenizerFits(tokenizer.tokenizer, size, spec.vocabulary);
  }
  return {
    name, folder, spec, weights, tokenizer, notes,
    generation: await readGeneration(folder, configFile, spec.vocabulary),
    fingerprint: await fingerprint(configText, headers),
    ...(revision === undefined ? {} : { revision }),
  };
}

async function readConfigText(folder: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const problem = (await stat(folder).catch(() => undefined)) === undefined
      ? 'no such folder'
      : `expected a model folder with config.json in it (${code})`;
    throw new EngineError(`${folder}: ${problem}. Give the folder that holds config.json, tokenizer.json and *.safetensors.`,
      { code: 'ERR_MODEL', file }, { cause: error });
  }
}

/** A head that config.json calls tied may be stored too: the same (dropped), different (untied), or instead. */
async function settleTie(
  spec: ModelSpec, sources: readonly TensorSource[], notes: string[],
): Promise<{ spec: ModelSpec; weights: readonly TensorSource[] }> {
  const head = sources.find(({ name }) => name === 'head');
  const embed = sources.find(({ name }) => name === 'embed');
  if (!spec.tiedHead || head === undefined) return { spec, weights: sources };
  const others = sources.filter((source) => source !== head);
  if (embed === undefined) return { spec, weights: [{ ...head, name: 'embed' }, ...others] };
  if (embed.dtype === head.dtype && (await sameBytes(embed, head))) return { spec, weights: others };
  notes.push('config.json says that the head is tied to the embedding, but the weights hold a different head: it is used untied');
  return { spec: { ...spec, tiedHead: false }, weights: sources };
}

async function sameBytes(one: TensorSource, other: TensorSource): Promise<boolean> {
  const files = await Promise.all([open(one.file), open(other.file)]);
  const chunks = [Buffer.alloc(2 ** 20), Buffer.alloc(2 ** 20)] as const;
  try {
    for (let done = 0; done < one.end - one.begin; done += 2 ** 20) {
      const length = Math.min(2 ** 20, one.end - one.begin - done);
      await files[0].read(chunks[0], 0, length, one.begin + done);
      await files[1].read(chunks[1], 0, length, other.begin + done);
      if (chunks[0].compare(chunks[1], 0, length, 0, length) !== 0) return false;
    }
    return true;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

async function findTokenizer(folder: string): Promise<TokenizerFiles> {
  const names = new Set(await readdir(folder));
  const found = (file: string): string | undefined => (names.has(file) ? join(folder, file) : undefined);
  const files = {
    tokenizer: found('tokenizer.json'), config: found('tokenizer_config.json'),
    specialTokens: found('special_tokens_map.json'), chatTemplate: found('chat_template.jinja'),
  };
  return Object.fromEntries(Object.entries(files).filter(([, file]) => file !== undefined));
}

async function readGeneration(folder: string, configFile: string, vocabulary: number): Promise<GenerationDefaults> {
  const generationFile = join(folder, 'generation_config.json');
  const own = new Fields((await readJsonObject(generationFile)) ?? {}, generationFile);
  const config = new Fields((await readJsonObject(configFile)) ?? {}, configFile);
  const id = { min: 0, max: vocabulary - 1 };
  // Token ids that mean "none" are written as -1 in some files; eos ids past the vocabulary can never be drawn.
  const one = (key: string): number | undefined => {
    const value = own.integer(key) ?? config.integer(key);
    return value !== undefined && value >= id.min && value <= id.max ? value : undefined;
  };
  const eos = own.integers('eos_token_id') ?? config.integers('eos_token_id') ?? [];
  const defaults = {
    bosTokenId: one('bos_token_id'), padTokenId: one('pad_token_id'),
    temperature: own.number('temperature', { min: 0 }), topP: own.number('top_p', { min: 0 }),
    topK: own.integer('top_k', { min: 0 }), repetitionPenalty: own.number('repetition_penalty', { min: 0 }),
    doSample: own.boolean('do_sample'),
  };
  return {
    eosTokenIds: [...new Set(eos)].filter((token) => token >= id.min && token <= id.max),
    ...Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== undefined)),
  };
}

async function fingerprint(configText: string, headers: readonly SafetensorsHeader[]): Promise<string> {
  const hash = createHash('sha256').update(configText);
  const END = 65_536;
  for (const { file, fileBytes, text } of headers) {
    hash.update(`\0${fileBytes}\0`).update(text);
    const handle = await open(file);
    try {
      const ends = Buffer.alloc(2 * END);
      const first = await handle.read(ends, 0, END, Math.min(8 + Buffer.byteLength(text), fileBytes));
      const last = await handle.read(ends, END, END, Math.max(0, fileBytes - END));
      hash.update(ends.subarray(0, first.bytesRead)).update(ends.subarray(END, END + last.bytesRead));
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}
