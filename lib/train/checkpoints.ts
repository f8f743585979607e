// The checkpoints of a run: what goes into them, which stay, and whether this run may go on from one.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AdapterSlot } from '../batch.js';
import { removeFolderAtomic, removeLeftovers } from '../checkpoint/atomic.js';
import type { Exact } from '../checkpoint/exact-json.js';
import { listCheckpoints, loadCheckpoint, loadNewestCheckpoint, saveCheckpoint } from '../checkpoint/resume.js';
import type { Session } from '../engine/types.js';
import { changes, refuseChanges } from './identity.js';
import type { Identity } from './identity.js';
import type { Progress } from './trainer.js';

export interface CheckpointsOptions {
  readonly session: Session;
  readonly slot: AdapterSlot;
  /** Newest checkpoints to keep; the best is kept beside them. */
  readonly keep: number;
  /** Which value of a validation is the best. */
  readonly better: 'smaller' | 'larger';
  readonly identity: Identity;
  readonly warn: (message: string) => void;
}

interface Loop {
  readonly progress: Progress;
  readonly identity: Identity;
}

export class Checkpoints {
  readonly #folder: string;

  constructor(output: string, private readonly options: CheckpointsOptions) {
    this.#folder = join(output, 'checkpoints');
  }

  async save(progress: Progress): Promise<string> {
    const { session, slot, keep, better, identity } = this.options;
    const [weights, optimizer, state] = await Promise.all([
      session.readAdapter(slot, 'weights'), session.readAdapter(slot, 'optimizer'), session.adapterState(slot),
    ]);
    const { step, stopping: { bestStep, bestValue } } = progress;
    const loop: Loop = { progress, identity };
    return saveCheckpoint(this.#folder, {
      step,
      configHash: createHash('sha256').update(JSON.stringify(identity)).digest('hex'),
      // Only the checkpoint that early stopping calls the best has a metric: that one stays.
      ...(bestStep === step && bestValue !== null ? { metric: bestValue } : {}),
      adapters: [{ name: 'default', weights, optimizer, state }],
      loop: loop as unknown as Exact,
    }, { keepLast: keep, best: better === 'smaller' ? 'lower' : 'higher' });
  }

  /**
   * Puts the newest whole checkpoint into the session and returns its progress; undefined when there is none. A run
   * that would not go on as it began is refused (ERR_CONFIG).
   */
  async restore(): Promise<Progress | undefined> {
    const { session, slot, identity, warn } = this.options;
    await removeLeftovers(this.#folder);
    const found = await loadNewestCheckpoint(this.#folder, warn);
    if (found === undefined) return undefined;
    const { progress, identity: before } = found.state.loop as unknown as Loop;
    refuseChanges(changes(before, identity), found.path, warn);
    const { weights, optimizer, state } = found.state.adapters[0]!;
    await session.writeAdapter(slot, 'weights', weights);
    await session.writeAdapter(slot, 'optimizer', optimizer);
    await session.setAdapterState(slot, state);
    for (const step of await listCheckpoints(this.#folder)) {
      if (step > progress.step) await removeFolderAtomic(join(this.#folder, `checkpoint-${step}`)); // damaged ones
    }
    return progress;
  }

  /** Puts the weights of an earlier step into the session. */
  async loadWeights(step: number): Promise<void> {
    const { adapters } = await loadCheckpoint(join(this.#folder, `checkpoint-${step}`));
    await this.options.session.writeAdapter(this.options.slot, 'weights', adapters[0]!.weights);
  }
}
