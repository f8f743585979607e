// The device "faulty" of the testing addon: the CPU backend behind a table that counts allocations and lets one call
// fail when it is told to.
import { loadAddon } from '../../lib/engine/native.js';
import { openSessionWith } from '../../lib/engine/session.js';
import type { Session, SessionOptions } from '../../lib/engine/types.js';
import { projections, type TinyModel } from './tiny-model.js';

interface Fault {
  /** A function of the table in native/abi/backend.h. */
  readonly op: string;
  /** Calls of it that still succeed. */
  readonly after: number;
  readonly status: 'out-of-memory' | 'device-lost';
}

interface Addon {
  fault(fault?: Fault): void;
  memoryOfFaulty(): { readonly bytes: number; readonly peak: number; readonly workspace: number };
}

const addon = (): Addon => loadAddon('engine_testing') as unknown as Addon;

/** Arms one failure; without one, none. Also forgets the peak. */
export const fault = (one?: Fault): void => addon().fault(one);

/** Device memory now, at most since `fault`, and scratch of the newest open device. */
export const memoryOfFaulty = () => addon().memoryOfFaulty();

export function openFaulty(model: TinyModel, options: Partial<SessionOptions> = {}): Promise<Session> {
  return openSessionWith(loadAddon('engine_testing'), 'faulty', {
    spec: model.spec, weights: model.weights, targets: [...projections(model.spec), 'head'], slots: 2, rank: 4, maxTokens: 128,
    maxSequences: 16, threads: 1, ...options,
  });
}
