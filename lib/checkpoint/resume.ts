// The full state of a training run as one folder, checkpoint-<step>/: adapter weights and moments as safetensors,
// everything else in state.json with the SHA-256 of each file. Saved all or nothing; a damaged one is skipped.

import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterState } from '../engine/types.js';
import { EngineError, isEngineError } from '../errors.js';
import type { HostTensor } from '../tensors.js';
import { removeFolderAtomic, removeLeftovers, writeFolderAtomic, writeSynced, type AtomicIo, type Written } from './atomic.js';
import { fileDigest } from './digest.js';
import { exactParse, exactStringify, type Exact } from './exact-json.js';
import { readTensorFile, writeTensorFile } from './tensor-file.js';

/** One adapter of a session, as far as a resumed run needs it. */
export interface AdapterSnapshot {
  readonly name: string;
  /** `readAdapter(slot, 'weights')` */
  readonly weights: readonly HostTensor[];
  /** `readAdapter(slot, 'optimizer')`: names end with .m and .v */
  readonly optimizer: readonly HostTensor[];
  readonly state: AdapterState;
}

export interface TrainingState {
  /** Updates done. */
  readonly step: number;
  /** Of the resolved configuration: a run is only resumed under its own. */
  readonly configHash: string;
  /** What "best" compares, of the last validation; absent: not validated yet. */
  readonly metric?: number;
  readonly adapters: readonly AdapterSnapshot[];
  /** The trainer's own: data cursor, schedule position, metric history, seeds. Plain data; bigints and NaN survive. */
  readonly loop: Exact;
}

export interface SaveOptions {
  /** Newest checkpoints that stay. @default 2 */
  readonly keepLast?: number;
  /** Which metric is best; that checkpoint stays too. @default "lower" */
  readonly best?: 'lower' | 'higher' | 'none';
  readonly io?: AtomicIo;
}

const STATE_FILE = 'state.json';
const VERSION = 1;

interface StateBody {
  readonly version: number;
  readonly step: number;
  readonly configHash: string;
  readonly metric: number | null;
  readonly files: Readonly<Record<string, Written>>;
  readonly adapters: readonly { readonly name: string; readonly weights: string; readonly optimizer: string; readonly state: AdapterState }[];
  readonly loop: Exact;
}

/** Saves `<folder>/checkpoint-<step>` and removes those that need not stay. A failure leaves all older ones. */
export async function saveCheckpoint(folder: string, state: TrainingState, { keepLast = 2, best = 'lower', io }: SaveOptions = {}): Promise<string> {
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const path = join(folder, `checkpoint-${state.step}`);
  await writeFolderAtomic(path, async (temporary) => {
    const files: Record<string, Written> = {};
    const adapters: StateBody['adapters'][number][] = [];
    for (const [i, { name, weights, optimizer, state: counters }] of state.adapters.entries()) {
      const names = { weights: `adapter-${i}.safetensors`, optimizer: `optimizer-${i}.safetensors` };
      files[names.weights] = await writeTensorFile(join(temporary, names.weights), weights, io);
      files[names.optimizer] = await writeTensorFile(join(temporary, names.optimizer), optimizer, io);
      adapters.push({ name, ...names, state: counters });
    }
    const body: StateBody = {
      version: VERSION, step: state.step, configHash: state.configHash, metric: state.metric ?? null, files, adapters, loop: state.loop,
    };
    const text = exactStringify(body as unknown as Exact);
    await writeSynced(join(temporary, STATE_FILE), Buffer.from(`{"sha256":"${sha256(text)}","body":${text}}\n`), io);
  });
  await prune(folder, state.step, Math.max(1, keepLast), best);
  return path;
}

/** Steps of the checkpoints in a folder, oldest first. */
export async function listCheckpoints(folder: string): Promise<readonly number[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  return names.flatMap((name) => /^checkpoint-(0|[1-9][0-9]*)$/.exec(name)?.[1] ?? []).map(Number).sort((one, other) => one - other);
}

/** Reads and verifies one checkpoint folder. ERR_CHECKPOINT names the file and what is wrong with it. */
export async function loadCheckpoint(path: string): Promise<TrainingState> {
  const body = await readBody(path);
  for (const [name, { bytes, sha256: expected }] of Object.entries(body.files)) {
    const file = join(path, name);
    const found = await fileDigest(file);
    if (found.bytes !== bytes) fail(file, `expected ${bytes} bytes, the file has ${found.bytes}`);
    if (found.sha256 !== expected) fail(file, 'its checksum is not the one that was saved');
  }
  const adapters: AdapterSnapshot[] = [];
  for (const { name, weights, optimizer, state } of body.adapters) {
    adapters.push({
      name, state, weights: await readTensorFile(join(path, weights)), optimizer: await readTensorFile(join(path, optimizer)),
    });
  }
  return {
    step: body.step, configHash: body.configHash, adapters, loop: body.loop, ...(body.metric === null ? {} : { metric: body.metric }),
  };
}

export interface Resumed {
  readonly state: TrainingState;
  readonly path: string;
  /** Checkpoints that were newer but damaged, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The newest checkpoint that is whole. Undefined when the folder has none at all; ERR_CHECKPOINT when it has some and
 * none can be read.
 */
export async function loadNewestCheckpoint(folder: string, onWarning: (warning: string) => void = () => undefined): Promise<Resumed | undefined> {
  await removeLeftovers(folder);
  const warnings: string[] = [];
  for (const step of [...(await listCheckpoints(folder))].reverse()) {
    const path = join(folder, `checkpoint-${step}`);
    try {
      return { state: await loadCheckpoint(path), path, warnings };
    } catch (error) {
      if (!isEngineError(error, 'ERR_CHECKPOINT')) throw error;
      warnings.push(`checkpoint-${step} is damaged and was skipped: ${error.message}`);
      onWarning(warnings.at(-1) as string);
    }
  }
  if (warnings.length === 0) return undefined;
  return fail(folder, `none of its ${warnings.length} checkpoints can be read. ${warnings.join(' ')}`);
}

/** The step and metric of the best checkpoint that is there; undefined when none was validated. */
export async function bestCheckpoint(folder: string, best: 'lower' | 'higher' = 'lower'): Promise<{ step: number; metric: number } | undefined> {
  let found: { step: number; metric: number } | undefined;
  for (const step of await listCheckpoints(folder)) {
    const metric = await readBody(join(folder, `checkpoint-${step}`)).then((body) => body.metric, () => null);
    if (metric === null || Number.isNaN(metric)) continue;
    if (found === undefined || (best === 'lower' ? metric < found.metric : metric > found.metric)) found = { step, metric };
  }
  return found;
}

async function prune(folder: string, newest: number, keepLast: number, best: 'lower' | 'higher' | 'none'): Promise<void> {
  const steps = (await listCheckpoints(folder)).filter((step) => step <= newest); // later ones belong to a run that went further
  const keep = new Set(steps.slice(-keepLast));
  if (best !== 'none') keep.add((await bestCheckpoint(folder, best))?.step ?? newest);
  for (const step of steps) if (!keep.has(step)) await removeFolderAtomic(join(folder, `checkpoint-${step}`));
}

async function readBody(path: string): Promise<StateBody> {
  const file = join(path, STATE_FILE);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => fail(file, `cannot be read (${error.code})`));
  const match = /^\{"sha256":"([0-9a-f]{64})","body":(.*)\}\n$/s.exec(text);
  if (match === null) return fail(file, 'is torn or not a state of ours');
  if (sha256(match[2] as string) !== match[1]) fail(file, 'its checksum is not the one that was saved');
  const body = exactParse(match[2] as string) as unknown as StateBody;
  if (body.version !== VERSION) fail(file, `is of version ${body.version}, this program reads version ${VERSION}`);
  return body;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function fail(file: string, problem: string): never {
  throw new EngineError(`${file}: ${problem}`, { code: 'ERR_CHECKPOINT', file, problem });
}
