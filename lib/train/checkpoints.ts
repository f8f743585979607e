// The checkpoints of a run: writes the full state beside its place and renames it, keeps the newest and the best, and
// finds the one to go on from. A folder holds the adapter as PEFT has it, the optimizer, and state.json.

import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterSlot } from '../batch.js';
import { readAdapter, writeAdapterFiles } from '../checkpoint/adapter.js';
import { removeFolderAtomic, removeLeftovers, writeFolderAtomic, writeSynced } from '../checkpoint/atomic.js';
import type { LoraConfig } from '../checkpoint/targets.js';
import { readTensorFile, writeTensorFile } from '../checkpoint/tensor-file.js';
import type { Session } from '../engine/types.js';
import { EngineError, isEngineError } from '../errors.js';
import type { ModelSpec } from '../tensors.js';
import { changes, refuseChanges } from './identity.js';
import type { Identity } from './identity.js';
import type { Progress } from './trainer.js';

export interface CheckpointsOptions {
  readonly session: Session;
  readonly slot: AdapterSlot;
  readonly spec: ModelSpec;
  readonly lora: LoraConfig;
  /** Newest checkpoints to keep; the best is kept beside them. */
  readonly keep: number;
  readonly baseModel: string;
  readonly revision: string | undefined;
  readonly identity: Identity;
  readonly warn: (message: string) => void;
}

interface State {
  readonly format: 1;
  readonly progress: Progress;
  readonly adapter: { readonly step: number; readonly tick: number; readonly seed: string };
  readonly identity: Identity;
  /** SHA-256 of the other files. */
  readonly files: Readonly<Record<string, string>>;
}

const STATE = 'state.json';
const OPTIMIZER = 'optimizer.safetensors';

export class Checkpoints {
  readonly #folder: string;
  /** Steps on the disk, and the best step that each of them knows. */
  readonly #saved = new Map<number, number | null>();

  constructor(output: string, private readonly options: CheckpointsOptions) {
    this.#folder = join(output, 'checkpoints');
  }

  /** The folder of a step: itself an adapter that PEFT loads. */
  adapterOf(step: number): string {
    return join(this.#folder, `step-${String(step).padStart(8, '0')}`);
  }

  async save(progress: Progress): Promise<string> {
    const { session, slot, spec, lora, baseModel, revision, identity } = this.options;
    const [weights, optimizer, adapter] = await Promise.all([
      session.readAdapter(slot, 'weights'), session.readAdapter(slot, 'optimizer'), session.adapterState(slot),
    ]);
    const folder = this.adapterOf(progress.step);
    await writeFolderAtomic(folder, async (temporary) => {
      await writeAdapterFiles(temporary, { spec, lora, tensors: weights, baseModel, revision });
      await writeTensorFile(join(temporary, OPTIMIZER), optimizer);
      const state: State = {
        format: 1, progress, adapter: { ...adapter, seed: String(adapter.seed) }, identity, files: await hashes(temporary),
      };
      await writeSynced(join(temporary, STATE), Buffer.from(`${JSON.stringify(state, null, 2)}\n`));
    });
    this.#saved.set(progress.step, progress.stopping.bestStep);
    await this.#prune();
    return folder;
  }

  /**
   * Puts the newest intact checkpoint into the session and returns its progress; undefined when there is none. A run
   * that would not go on as it began is refused (ERR_CONFIG).
   */
  async restore(): Promise<Progress | undefined> {
    await removeLeftovers(this.#folder);
    const steps = await this.#stepsOnDisk();
    for (const step of steps) {
      const folder = this.adapterOf(step);
      try {
        const state = await readState(folder);
        refuseChanges(changes(state.identity, this.options.identity), folder, this.options.warn);
        await this.#load(folder, state);
        for (const other of steps) {
          if (other > step) await removeFolderAtomic(this.adapterOf(other));
          else this.#saved.set(other, other === step ? state.progress.stopping.bestStep : await bestOf(this.adapterOf(other)));
        }
        return state.progress;
      } catch (error) {
        if (!isEngineError(error, 'ERR_CHECKPOINT') || step === steps.at(-1)) throw error;
        this.options.warn(`${error.message}; going back to the checkpoint before`);
      }
    }
    return undefined;
  }

  /** Puts the weights of an earlier step into the session. */
  async loadWeights(step: number): Promise<void> {
    const { session, slot, spec } = this.options;
    const { tensors } = await readAdapter(this.adapterOf(step), spec);
    await session.writeAdapter(slot, 'weights', tensors);
  }

  async #load(folder: string, { adapter, progress, files }: State): Promise<void> {
    const { session, slot } = this.options;
    const found = await hashes(folder);
    const damaged = Object.keys(files).find((name) => found[name] !== files[name]);
    if (damaged !== undefined) throw unusable(join(folder, damaged), 'its content is not what was written');
    await this.loadWeights(progress.step);
    await session.writeAdapter(slot, 'optimizer', await readTensorFile(join(folder, OPTIMIZER)));
    await session.setAdapterState(slot, { step: adapter.step, tick: adapter.tick, seed: BigInt(adapter.seed) });
  }

  /** Newest first. */
  async #stepsOnDisk(): Promise<number[]> {
    const names: string[] = await readdir(this.#folder).catch(() => []);
    return names.flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []).map(Number).sort((a, b) => b - a);
  }

  /** Keeps the newest, and every best that one of them may still want to end with. */
  async #prune(): Promise<void> {
    const newest = [...this.#saved.keys()].sort((a, b) => b - a).slice(0, this.options.keep);
    const wanted = new Set([...newest, ...newest.map((step) => this.#saved.get(step))]);
    for (const step of this.#saved.keys()) {
      if (wanted.has(step)) continue;
      this.#saved.delete(step);
      await removeFolderAtomic(this.adapterOf(step));
    }
  }
}

async function readState(folder: string): Promise<State> {
  const file = join(folder, STATE);
  let state: State;
  try {
    state = JSON.parse(await readFile(file, 'utf8')) as State;
  } catch (error) {
    throw unusable(file, `it cannot be read (${(error as Error).message})`);
  }
  if (state?.format !== 1 || typeof state.progress?.step !== 'number') throw unusable(file, 'it is not a state of format 1');
  return state;
}

async function bestOf(folder: string): Promise<number | null> {
  return readState(folder).then((state) => state.progress.stopping.bestStep, () => null);
}

async function hashes(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => name !== STATE).sort();
  return Object.fromEntries(await Promise.all(names.map(async (name) =>
    [name, createHash('sha256').update(await readFile(join(folder, name))).digest('hex')] as const)));
}

function unusable(file: string, problem: string): EngineError {
  return new EngineError(`${file}: expected a part of a checkpoint, but ${problem}`, { code: 'ERR_CHECKPOINT', file, problem });
}
