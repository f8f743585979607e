// What the doctor may change while a run goes: weight decay and dropout (the learning rate is the run's own control).
// Dropout belongs to an adapter, so the adapter leaves its slot and comes back with the same weights, moments and
// counters.

import type { AdapterSlot } from '../batch.js';
import type { AdapterOptions, Session } from '../engine/types.js';

/** Values that are no longer those of the configuration; kept in checkpoints. */
export interface Tuned {
  readonly weightDecay?: number;
  readonly dropout?: number;
  readonly clip?: number;
}

export async function changeDropout(session: Session, slot: AdapterSlot, adapter: AdapterOptions, dropout: number): Promise<void> {
  const [weights, optimizer, state] = await Promise.all([
    session.readAdapter(slot, 'weights'), session.readAdapter(slot, 'optimizer'), session.adapterState(slot),
  ]);
  await session.removeAdapter(slot);
  const now = await session.addAdapter({ ...adapter, dropout });
  if (now !== slot) throw new Error(`the adapter came back in slot ${now}, expected ${slot}`);
  await session.writeAdapter(slot, 'weights', weights);
  await session.writeAdapter(slot, 'optimizer', optimizer);
  await session.setAdapterState(slot, state);
}
