// What a task needs of a session's size: room for its longest windows, and a key that tells models apart in the cache.

import { createHash } from 'node:crypto';
import type { HostTensor } from '../../tensors.js';

export interface TaskRoom {
  readonly maxTokens: number;
  readonly maxSequences: number;
  readonly cacheTokens: number;
  readonly cacheSequences: number;
}

/** Sizes for {@link openParts}: batches of `batchTokens`, and `atOnce` texts written together. */
export function taskRoom(context: number, batchTokens: number, atOnce: number): TaskRoom {
  const maxTokens = Math.max(batchTokens, context);
  return { maxTokens, maxSequences: Math.max(atOnce, Math.ceil(maxTokens / 8)), cacheTokens: atOnce * context, cacheSequences: atOnce };
}

/** Names weights, tokenizer and adapter together. */
export function modelId(parts: { readonly fingerprint: string; readonly tokenizer: string; readonly dtype: string; readonly adapter: readonly HostTensor[] }): string {
  const hash = createHash('sha256').update(parts.fingerprint).update('\0').update(parts.tokenizer).update('\0').update(parts.dtype);
  for (const { name, data } of parts.adapter) hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}
