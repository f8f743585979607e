// The type of the native addon, by hand: the whole border in one file. Only lib/engine/session.ts and lib/curate talk to it.
// Methods that return promises never throw; they reject with a plain object NativeFailure, from which session.ts
// builds the typed error. Typed arrays are copied before a call returns. Results that are bytes are written into
// buffers that TypeScript passed in. Tickets make running commands cancellable.

import type { ModelSpec, Projection } from '../tensors.js';

export interface NativeFailure {
  readonly code: string; // an EngineErrorCode, or "ABORTED" when cancel(ticket) took effect
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface NativeDevice {
  readonly kind: 'cpu' | 'cuda';
  readonly ordinal: number;
  readonly name: string;
  readonly detail: string;
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

export interface NativeTensorSource {
  readonly name: string;
  readonly dtype: 'F64' | 'F32' | 'BF16' | 'F16';
  readonly shape: readonly number[];
  readonly file: string;
  readonly begin: number;
  readonly end: number;
}

export interface NativeSessionOptions {
  readonly device: 'cpu' | 'cuda';
  readonly ordinal: number;
  /** Absolute path of the CUDA plugin, when device is "cuda". */
  readonly plugin?: string;
  readonly dtype: 'f32' | 'bf16';
  readonly threads: number; // 0: one per core
  readonly spec: ModelSpec;
  readonly weights: readonly NativeTensorSource[];
  /** Projections that adapters of this session may use; layers.<i> for all i, and the head. */
  readonly targets: readonly Projection[];
  readonly slots: number; // most adapters at once, 0: none
  readonly rank: number; // largest rank; padded to 16 inside
  readonly maxTokens: number; // largest T of accumulate and evaluate
  readonly maxSequences: number; // largest Q of a batch
  readonly recompute: 'none' | 'cheap' | 'layer' | 'auto';
  readonly training: boolean; // false: no gradients, no optimizer state
  /** Key/value cache for generation: rows in all, and sequences at once. 0: no generation. */
  readonly cacheTokens: number;
  readonly cacheSequences: number;
  /** Most that the session may take on its device; 0: what is free. */
  readonly memoryBytes: number;
}

/** Layers of each recompute policy, in this order from the first on. */
export interface NativeRecompute {
  readonly keep: number;
  readonly cheap: number;
  readonly again: number;
}

/** What a session would take. `available` is what its lines may sum up to; `recompute` what "auto" becomes. */
export interface NativePlan {
  readonly lines: readonly { readonly name: string; readonly bytes: number }[];
  readonly available: number;
  readonly fits: boolean;
  readonly recompute: NativeRecompute;
}

/** One operation; without milliseconds when its numbers are wrong. */
export interface NativeBenchResult {
  readonly op: string;
  readonly shape: string;
  /** Largest difference of the elements looked at, over their root mean square; right up to `budget`. */
  readonly error: number;
  readonly budget: number;
  /** Of one call; bytes: every tensor once. */
  readonly flops: number;
  readonly bytes: number;
  readonly milliseconds: readonly number[];
}

export interface NativeBenchReport {
  readonly device: string;
  readonly detail: string;
  /** "copy" and "matrix" first. */
  readonly results: readonly NativeBenchResult[];
}

export interface NativeAdapterModule {
  readonly layer: number; // -1 for the head
  readonly projection: Projection;
  readonly rank: number;
  readonly scale: number; // alpha / rank, or alpha / sqrt(rank)
}

export interface NativeAdapterConfig {
  readonly modules: readonly NativeAdapterModule[];
  readonly dropout: number;
  /** Seed of the random streams and of A's initial values: Kaiming uniform with a = sqrt(5), as PEFT. B is 0. */
  readonly seed: bigint;
}

export interface NativeBatch {
  readonly tokens: Int32Array;
  readonly labels: Int32Array;
  readonly positions: Int32Array;
  readonly seqBegin: Int32Array;
  readonly weights?: Float32Array;
  readonly segmentBegin: Int32Array; // [segments + 1]
  readonly segmentSlot: Int32Array; // [segments]
  readonly neftuneAlpha: number;
  readonly labelSmoothing: number;
}

export interface NativeSlotLoss {
  readonly slot: number;
  readonly lossSum: number; // sum of weight * nll
  readonly weightSum: number;
  readonly scored: number; // labels counted
}

export interface NativeUpdateRule {
  readonly slot: number;
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly clip: number; // 0: none
}

export interface NativeUpdateReport {
  readonly slot: number;
  readonly gradNorm: number; // before clipping, of the normalised gradient
  readonly clipFactor: number;
  readonly step: number; // updates this adapter has had, this one included
}

export interface NativeTensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Counters that a bit-exact resume needs beside the tensors. */
export interface NativeAdapterState {
  readonly step: number; // optimizer updates
  readonly tick: number; // micro-batches seen: position of the random streams
  readonly seed: bigint;
}

export interface NativeGenerateSequence {
  readonly prompt: Int32Array;
  readonly slot: number;
  /** Rows of the cache to reserve past the prompt; 0: an even share of what is free. */
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK: number; // 0: all
  readonly topP: number; // 1: all
  readonly repetitionPenalty: number; // 1: none
  readonly seed: bigint;
}

export interface NativeGenerated {
  readonly tokens: Int32Array; // one per sequence; -1 for those already finished
  readonly logprobs: Float32Array;
}

export interface NativeSession {
  /** The allocator's own list. */
  memory(): readonly { readonly name: string; readonly bytes: number }[];
  /** What the recompute policy came to. */
  recompute(): NativeRecompute;
  addAdapter(config: NativeAdapterConfig): Promise<number>;
  removeAdapter(slot: number): Promise<void>;
  /** Packs a batch for an accumulate to come, on this thread, and returns its number; 0: not done. The newest counts. */
  stage(batch: NativeBatch): number;
  /** `staged`: the number that stage() returned for this batch, or 0. */
  accumulate(ticket: number, batch: NativeBatch, staged: number): Promise<readonly NativeSlotLoss[]>;
  applyGradients(ticket: number, rules: readonly NativeUpdateRule[]): Promise<readonly NativeUpdateReport[]>;
  dropGradients(): Promise<void>;
  /** Loss of each row (0 where not scored) and, if top1 is given, the most likely token of each scored row. */
  evaluate(ticket: number, batch: NativeBatch, rowLoss: Float32Array, top1?: Int32Array): Promise<void>;
  /** Logits of the given rows of a batch, [rows, V] into `out`. For tests and scoring. */
  logits(ticket: number, batch: NativeBatch, rows: Int32Array, out: Float32Array): Promise<void>;
  adapterTensors(slot: number, what: 'weights' | 'optimizer' | 'gradients'): readonly NativeTensorInfo[];
  /** Fills `out` (one array per adapterTensors entry, same order). */
  readAdapter(slot: number, what: 'weights' | 'optimizer' | 'gradients', out: readonly Float32Array[]): Promise<void>;
  writeAdapter(
    slot: number, what: 'weights' | 'optimizer', names: readonly string[], data: readonly Float32Array[],
  ): Promise<void>;
  adapterState(slot: number): Promise<NativeAdapterState>;
  setAdapterState(slot: number, state: NativeAdapterState): Promise<void>;
  /** Prefills all prompts; returns a handle. */
  generateBegin(ticket: number, sequences: readonly NativeGenerateSequence[]): Promise<number>;
  /**
   * Draws the next token of every live sequence. `finished` lists sequences to drop first. `allow`: bit masks
   * [live sequences, ceil(V / 32)] in order of sequence number, or absent.
   */
  generateNext(ticket: number, handle: number, finished: Int32Array, allow?: Int32Array): Promise<NativeGenerated>;
  generateEnd(handle: number): Promise<void>;
  /** Stops a queued or running command between layers. Unknown tickets are ignored. */
  cancel(ticket: number): void;
  /** Stops, joins the engine thread, frees everything. Pending promises reject with ERR_CLOSED. Idempotent. */
  close(): Promise<void>;
}

/** Shingles are words (simplified or as they stand) or characters; `whole`: a text shorter than one shingle is one. */
export interface NativeMinHash {
  readonly words: boolean;
  readonly simplified: boolean;
  readonly whole: boolean;
  readonly size: number;
  readonly bands: number;
  readonly rows: number;
  readonly seed: number;
}

export interface NativeAddon {
  readonly version: string;
  cpuInfo(): { readonly isa: string; readonly available: readonly string[]; readonly threads: number };
  /** Devices of the CPU backend, or of the plugin at `plugin`. Rejects with ERR_BACKEND_UNAVAILABLE. */
  devices(plugin?: string): Promise<readonly NativeDevice[]>;
  /**
   * What a session would take, before anything is taken; `weights` are not looked at. Device "cuda" without a plugin and
   * with memoryBytes answers for a GPU that is not here.
   */
  planMemory(options: NativeSessionOptions): Promise<NativePlan>;
  /** Checks and times operations at a model's shapes; `weights` are not looked at, maxTokens is the number of rows. */
  bench(
    options: NativeSessionOptions,
    bench: { readonly sequence: number; readonly ops: readonly string[]; readonly warmup: number; readonly runs: number },
  ): Promise<NativeBenchReport>;
  openSession(
    ticket: number, options: NativeSessionOptions, onProgress?: (done: number, total: number) => void,
  ): Promise<NativeSession>;
  /** Cancels an openSession or a text call. */
  cancelOpen(ticket: number): void;
  /**
   * MinHash of each text: [texts, bands] keys and [texts, bands * rows] minima, written in place. Arrays of the text calls
   * are not copied: they must not be detached before the promise settles.
   */
  textSignatures(
    ticket: number, texts: readonly string[], options: NativeMinHash, keys: BigUint64Array, signatures: Uint32Array,
  ): Promise<void>;
  /** Joins rows that share a key of one band and whose minima agree by at least `threshold`, in a forest of lowest roots. */
  joinBand(
    ticket: number, keys: BigUint64Array, signatures: Uint32Array, rows: number, bands: number, hashes: number,
    band: number, threshold: number, parent: Int32Array,
  ): Promise<{ readonly candidates: number; readonly joined: number }>;
  /** Four numbers a text, one for each bit of `which`: 0 keeps it, others are reasons in the order of lib/curate/quality.ts. */
  textFilters(
    ticket: number, texts: readonly string[], which: number, limits: Readonly<Record<string, number>>, out: Uint8Array,
  ): Promise<void>;
  /** XXH64 with two seeds: two words a text. */
  textHashes(texts: readonly string[], out: BigUint64Array): Promise<void>;
}
