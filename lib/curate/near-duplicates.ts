// Clusters of near duplicates: MinHash signatures, candidates by locality-sensitive hashing, checked against the signatures,
// joined in a forest. Off the main thread, one native thread a band at a time.
import { availableParallelism } from 'node:os';
import { minHashOptions } from './minhash-options.js';
import type { MinHashOptions, MinHashPreset } from './minhash-options.js';
import { native } from './native.js';
import { Signatures } from './signatures.js';
import type { Texts, WorkOptions } from './signatures.js';

export interface NearDuplicateOptions extends WorkOptions {
  readonly preset?: MinHashPreset | undefined;
  /** Changes to the preset. */
  readonly minhash?: Partial<MinHashOptions> | undefined;
}

export interface Clusters {
  /** For each text the lowest number of its cluster; its own number when it stands alone. */
  readonly cluster: Int32Array;
  readonly texts: number;
  /** Texts that are not the first of their cluster. */
  readonly duplicates: number;
  readonly candidates: number;
}

/** Joins what was signed. */
export async function clustersOf(signatures: Signatures, options: WorkOptions = {}): Promise<Clusters> {
  const { signal, threads = availableParallelism(), onProgress } = options;
  const { count, keys, minima, hashes } = signatures;
  const { bands, threshold } = signatures.options;
  const cluster = Int32Array.from({ length: count }, (_, row) => row);
  let candidates = 0;
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < bands) {
      const band = next++;
      const joined = await native(signal, (addon, ticket) =>
        addon.joinBand(ticket, keys, minima, count, bands, hashes, band, threshold, cluster));
      candidates += joined.candidates;
      onProgress?.('join', ++done, bands);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(threads, bands) }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  let duplicates = 0;
  for (let row = 0; row < count; row++) {
    // A parent lies before its row, so one step from an already flattened parent reaches the root.
    cluster[row] = cluster[cluster[row]!]!;
    if (cluster[row] !== row) duplicates++;
  }
  return { cluster, texts: count, duplicates, candidates };
}

/**
 * Near-duplicate clusters of a stream of texts. Texts are read once and not kept; the result does not depend on the number of
 * threads.
 */
export async function nearDuplicateClusters(texts: Texts, options: NearDuplicateOptions = {}): Promise<Clusters> {
  const signatures = new Signatures(minHashOptions(options.preset, options.minhash));
  await signatures.add(texts, options);
  return clustersOf(signatures, options);
}
