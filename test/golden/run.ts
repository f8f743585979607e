// Runs a golden case on one side: its model with its adapter in a session, its gradients, its text, its documents.
import type { AdapterSlot, Batch } from '../../lib/batch.js';
import { readAdapter } from '../../lib/checkpoint/adapter.js';
import type { Session } from '../../lib/engine/types.js';
import { loadModel } from '../../lib/model/load.js';
import { peftName } from '../../lib/model/names.js';
import type { GoldenCase } from './fixture.js';
import { openOn, type Side } from './sides.js';

/** The case's model with its adapter in a slot of a fresh session. */
export async function open(golden: GoldenCase, side: Side, device = 'cpu'): Promise<{ session: Session; slot: AdapterSlot }> {
  const { spec, weights } = await loadModel(golden.folder!);
  const adapter = await readAdapter(golden.adapter, spec);
  const session = await openOn(side, {
    spec, weights, slots: 1, rank: Math.max(...adapter.modules.map(({ rank }) => rank)), maxTokens: 1024,
    targets: [...new Set(adapter.modules.map(({ projection }) => projection))], cacheTokens: 256, cacheSequences: 4,
  }, device);
  const slot = await session.addAdapter({ modules: adapter.modules });
  await session.writeAdapter(slot, 'weights', adapter.tensors);
  return { session, slot };
}

export async function greedy(session: Session, slot: AdapterSlot, prompt: Int32Array, count: number): Promise<readonly number[]> {
  const generation = await session.generate([{ prompt, slot }]);
  const tokens: number[] = [];
  while (tokens.length < count) tokens.push((await generation.next()).tokens[0]!);
  await generation.end();
  return tokens;
}

/** Rows of one document of a packed batch, as a batch of its own. */
export function single(batch: Batch, q: number): Batch {
  const [begin, end] = [batch.seqBegin[q]!, batch.seqBegin[q + 1]!];
  return {
    tokens: batch.tokens.slice(begin, end), labels: batch.labels.slice(begin, end), positions: batch.positions.slice(begin, end),
    seqBegin: Int32Array.of(0, end - begin), segments: [{ begin: 0, end: end - begin, slot: batch.segments[0]!.slot }],
  };
}

export async function gradients(session: Session, slot: AdapterSlot): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  return new Map((await session.readAdapter(slot, 'gradients')).map(({ name, data }) => [peftName(name), data]));
}
