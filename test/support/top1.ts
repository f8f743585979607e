// Judges the most likely tokens that a head loss names in bf16: which of two near logits is larger is not decided by
// eight bits, but a token that was chosen must lie as near to the best as their rounding explains.
import type { Args, OpCall, TensorRef } from './door.js';
import { outputsOf } from './door.js';

/** Twice what plain code may lose: a rounding to eight bits of either logit. */
export const TOP_BUDGET = 2 * 2 * 2 ** -9;

/** Largest distance of a chosen logit from the row's best, over the best's size; infinite where a row says nonsense. */
export function topRegret(call: OpCall, chosen: ArrayLike<number>): number {
  const { x, w, pair, route } = call.args[0] as { readonly x: TensorRef; readonly w: TensorRef; readonly pair?: Args; readonly route: object };
  const [T, V] = [x.shape[0]!, w.shape[0]!];
  const adapter = pair === undefined ? {} : {
    pair: Object.fromEntries(Object.entries(pair).filter(([name]) => name !== 'da' && name !== 'db')),
    u: { buffer: 'u', kind: 'store', shape: [T, pair['rank'] as number] },
  };
  const { y } = outputsOf({
    op: 'linear', args: [{ x, w, route, ...adapter, y: { buffer: 'y', kind: 'real', shape: [T, V] } }],
    buffers: {
      ...Object.fromEntries(Object.entries(call.buffers).filter(([name]) => ['x', 'w', 'slabs'].includes(name))),
      y: { kind: 'real', role: 'out', length: T * V },
      ...(pair === undefined ? {} : { u: { kind: 'store', role: 'out', length: T * (pair['rank'] as number) } }),
    },
  }, { backend: 'oracle' }, 'f64');
  let worst = 0;
  for (let t = 0; t < T; t += 1) {
    if (call.buffers['labels']!.values![t]! < 0) {
      if (chosen[t] !== -1) return Infinity;
      continue;
    }
    const row = y!.subarray(t * V, (t + 1) * V);
    const best = row.reduce((a, b) => Math.max(a, b));
    worst = Math.max(worst, (best - (row[chosen[t]!] ?? -Infinity)) / Math.max(Math.abs(best), 1e-30));
  }
  return worst;
}
