// Who computes in a golden test: the f64 oracle of engine_testing.node, or a backend that ships, in f32 or
// bf16; and how far each may be from the truth.
import { loadAddon } from '../../lib/engine/native.js';
import { openSession, openSessionWith } from '../../lib/engine/session.js';
import type { Session, SessionOptions } from '../../lib/engine/types.js';

export type Side = 'oracle' | 'f32' | 'bf16';

/** The oracle's numbers are Float64Arrays, whatever the types say. */
export function openOn(side: Side, options: SessionOptions, device = 'cpu'): Promise<Session> {
  return side === 'oracle' ? openSessionWith(loadAddon('engine_testing'), 'oracle', options)
    : openSession({ ...options, device, dtype: side, threads: 2 });
}

export interface Bounds {
  readonly forward: number;
  readonly gradient: number;
  /** Adapters after three updates. */
  readonly after: number;
}

export const BOUNDS: Readonly<Record<'oracle' | 'f32', Bounds>> = {
  oracle: { forward: 1e-9, gradient: 1e-9, after: 1e-8 },
  f32: { forward: 1e-5, gradient: 1e-5, after: 1e-4 },
};

/** What eight bits of mantissa leave. */
export const BF16_BOUNDS = { logits: 0.05, loss: 0.005, gradient: 0.2 } as const;
