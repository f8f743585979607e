// Adapters as folders in PEFT's layout, in and out: adapter_config.json and adapter_model.safetensors. What is
// written here PEFT loads with no missing or unexpected key; what PEFT's LoRA writes is read, or refused by name.

import { copyFile, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { AdapterModule } from '../engine/types.js';
import { EngineError } from '../errors.js';
import { readJsonObject } from '../model/fields.js';
import { engineNameOfPeft, modulePath, peftName, projectionShape } from '../model/names.js';
import type { HostTensor, ModelSpec, TensorName } from '../tensors.js';
import { LEDGER_COPY } from '../track/ledger.js';
import { CONFIG_FILE, adapterConfigText, readAdapterConfig, type AdapterConfigFile } from './adapter-config.js';
import { syncPath, writeFolderAtomic, writeSynced, type AtomicIo } from './atomic.js';
import { patternValue } from './peft-patterns.js';
import { readTensorFile, writeTensorFile } from './tensor-file.js';
import { resolveTargets, type Complain, type LoraConfig } from './targets.js';

export const WEIGHTS_FILE = 'adapter_model.safetensors';
/** What may lie in a folder that an adapter is written over. */
/** What stays when an adapter is written again: its card, and how often a test set has seen it. */
const STAY: readonly string[] = ['README.md', LEDGER_COPY];
const OURS: ReadonlySet<string> = new Set([CONFIG_FILE, WEIGHTS_FILE, ...STAY]);

export interface LoadedAdapter extends AdapterConfigFile {
  readonly folder: string;
  /** In the order of a forward pass. */
  readonly modules: readonly AdapterModule[];
  /** `layers.<i>.<projection>.{a,b}` and `head.{a,b}` in the order of `modules`. */
  readonly tensors: readonly HostTensor[];
  /** Copies of frozen weights that PEFT saved along (it does so for an adapted head); they are not read. */
  readonly copies: readonly HostTensor[];
}

/** Reads an adapter folder and checks every tensor against the model it shall run on. */
export async function readAdapter(path: string, spec: ModelSpec): Promise<LoadedAdapter> {
  const folder = isAbsolute(path) ? path : resolve(path);
  const configFile = join(folder, CONFIG_FILE);
  const json = await readJsonObject(configFile);
  if (json === undefined) fail(configFile, 'not found', `Expected a folder with ${CONFIG_FILE} and ${WEIGHTS_FILE}`);
  const config = readAdapterConfig(json, configFile);
  const complain: Complain = (key, problem) => fail(configFile, `${key}: ${problem}`);
  const modules = resolveTargets(spec, config.lora, { complain, lenient: true });

  const file = join(folder, WEIGHTS_FILE);
  if ((await stat(file).catch(() => undefined)) === undefined) {
    const pickle = (await readdir(folder)).includes('adapter_model.bin');
    fail(file, 'not found', pickle ? 'adapter_model.bin is a pickle, which can run code and is never read: save it as safetensors' : undefined);
  }
  const expected = expectedAdapterTensors(spec, modules);
  const found = new Map<TensorName, HostTensor>();
  const copies: HostTensor[] = [];
  for (const tensor of await readTensorFile(file)) {
    if (tensor.name === 'base_model.model.lm_head.base_layer.weight') {
      copies.push({ ...tensor, name: 'head' });
      continue;
    }
    const name = engineNameOfPeft(tensor.name);
    const shape = name === undefined ? undefined : expected.get(name);
    if (name === undefined || shape === undefined) {
      return fail(file, `unexpected tensor ${tensor.name}: ${CONFIG_FILE} does not call for it in this ${spec.family} model`);
    }
    if (tensor.shape.join() !== shape.join()) {
      fail(file, `tensor ${tensor.name}: expected shape [${shape.join(', ')}], the file has [${tensor.shape.join(', ')}]`,
        'Check that the adapter belongs to this base model');
    }
    if (found.has(name)) fail(file, `tensor ${tensor.name} is there twice, with and without "model." in front`);
    found.set(name, { ...tensor, name });
  }
  const missing = [...expected.keys()].find((name) => !found.has(name));
  if (missing !== undefined) fail(file, `missing tensor ${peftName(missing)}`);
  return { ...config, folder, modules, copies, tensors: [...expected.keys()].map((name) => found.get(name) as HostTensor) };
}

/** A [rank, K] and B [N, rank] of every module, in order. */
export function expectedAdapterTensors(spec: ModelSpec, modules: readonly AdapterModule[]): ReadonlyMap<TensorName, readonly number[]> {
  const tensors = new Map<TensorName, readonly number[]>();
  for (const { layer, projection, rank } of modules) {
    const [rows, columns] = projectionShape(spec, projection);
    const name = projection === 'head' ? 'head' : `layers.${layer}.${projection}`;
    tensors.set(`${name}.a`, [rank, columns]).set(`${name}.b`, [rows, rank]);
  }
  return tensors;
}

export interface WriteAdapterOptions {
  readonly spec: ModelSpec;
  readonly lora: LoraConfig;
  /** As `readAdapter(slot, 'weights')` of a session gives them. */
  readonly tensors: readonly HostTensor[];
  /** Goes into the file, for whoever loads the adapter: a path or hub name. */
  readonly baseModel?: string;
  readonly revision?: string;
  readonly io?: AtomicIo;
}

/**
 * Writes an adapter folder: the old one or the new one is there at any moment. Equal input gives equal bytes. A
 * folder that holds anything but an adapter, its README.md and its test ledger is not replaced.
 */
export async function writeAdapter(path: string, options: WriteAdapterOptions): Promise<void> {
  const folder = isAbsolute(path) ? path : resolve(path);
  const existing: string[] = await readdir(folder).catch(() => []);
  const foreign = existing.find((name) => !OURS.has(name));
  if (foreign !== undefined) fail(folder, `holds ${foreign}, which is not part of an adapter`, 'Write the adapter to a folder of its own');
  await writeFolderAtomic(folder, async (temporary) => {
    await writeAdapterFiles(temporary, options);
    for (const name of STAY) if (existing.includes(name)) await copyFile(join(folder, name), join(temporary, name));
  });
}

/** The two files alone, for a folder that the caller puts in place itself. */
export async function writeAdapterFiles(folder: string, options: WriteAdapterOptions): Promise<void> {
  const { spec, tensors, baseModel, revision, io } = options;
  const lora = stableConfig(spec, options.lora);
  const expected = expectedAdapterTensors(spec, resolveTargets(spec, lora));
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const [name, shape] of expected) {
    const received = given.get(name)?.shape.join(', ') ?? 'nothing';
    if (received !== shape.join(', ')) {
      throw new EngineError(`tensor ${name}: expected shape [${shape.join(', ')}] by the adapter's configuration, received [${received}]`,
        { code: 'ERR_INVALID_ARGUMENT', argument: `tensors.${name}`, expected: `[${shape.join(', ')}]`, received: `[${received}]` });
    }
  }
  const extra = tensors.find(({ name }) => !expected.has(name));
  if (extra !== undefined) {
    throw new EngineError(`tensor ${extra.name} is not part of the adapter that the configuration describes`,
      { code: 'ERR_INVALID_ARGUMENT', argument: `tensors.${extra.name}`, expected: 'a tensor of a target module', received: extra.name });
  }
  const text = adapterConfigText({
    lora, ...(baseModel === undefined ? {} : { baseModel }), ...(revision === undefined ? {} : { revision }),
  });
  await writeSynced(join(folder, CONFIG_FILE), Buffer.from(text), io);
  await writeTensorFile(join(folder, WEIGHTS_FILE), tensors.map((tensor) => ({ ...tensor, name: peftName(tensor.name) })), io);
  await syncPath(folder);
}

/**
 * Patterns count in their order, but a saved file has them sorted. Where that would change a rank or an alpha, every
 * module gets a pattern of its own.
 */
function stableConfig(spec: ModelSpec, lora: LoraConfig): LoraConfig {
  const sorted = (patterns: Readonly<Record<string, number>> | undefined) =>
    Object.fromEntries(Object.entries(patterns ?? {}).sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other))));
  const resorted = { ...lora, rankPattern: sorted(lora.rankPattern), alphaPattern: sorted(lora.alphaPattern) };
  const wanted = resolveTargets(spec, lora);
  if (JSON.stringify(resolveTargets(spec, resorted)) === JSON.stringify(wanted)) return resorted;
  const own = (value: (path: string) => number): Record<string, number> => Object.fromEntries(wanted.map(({ layer, projection }) => {
    const path = modulePath(layer, projection);
    return [path.replaceAll('.', '\\.'), value(path)];
  }));
  return {
    ...lora,
    rankPattern: own((path) => patternValue(lora.rankPattern ?? {}, path) ?? lora.r),
    alphaPattern: own((path) => patternValue(lora.alphaPattern ?? {}, path) ?? lora.alpha),
  };
}

function fail(file: string, problem: string, advice?: string): never {
  throw new EngineError(`${file}: ${problem}${advice === undefined ? '' : `. ${advice}.`}`, { code: 'ERR_CHECKPOINT', file, problem });
}
