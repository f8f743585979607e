// Who computes in a golden test: the f64 oracle of engine_testing.node, or the CPU backend that ships, in f32 or bf16.
import { loadAddon } from '../../lib/engine/native.js';
import { openSession, openSessionWith } from '../../lib/engine/session.js';
import type { Session, SessionOptions } from '../../lib/engine/types.js';

export type Side = 'oracle' | 'f32' | 'bf16';

/** The oracle's numbers are Float64Arrays, whatever the types say. */
export function openOn(side: Side, options: SessionOptions): Promise<Session> {
  return side === 'oracle' ? openSessionWith(loadAddon('engine_testing'), 'oracle', options)
    : openSession({ ...options, device: 'cpu', dtype: side, threads: 2 });
}
