// The engine as TypeScript sees it: the types that lib/engine/session.ts implements over the addon.

import type { AdapterSlot, Batch } from '../batch.js';
import type { MemoryLine } from '../errors.js';
import type { HostTensor, ModelSpec, Projection, TensorSource } from '../tensors.js';

export interface Cancellable {
  readonly signal?: AbortSignal;
}

export interface DeviceInfo {
  readonly kind: 'cpu' | 'cuda';
  readonly ordinal: number;
  readonly name: string;
  readonly detail: string;
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

export type Recompute = 'none' | 'cheap' | 'layer' | 'auto';

/** Layers of each recompute policy, in this order from the first on. */
export interface RecomputeLayers {
  readonly keep: number;
  readonly cheap: number;
  readonly again: number;
}

export interface SessionOptions extends Cancellable {
  /** "cpu", "cuda" or "cuda:<ordinal>". @default "cpu" */
  readonly device?: string;
  /** How weights and activations are stored. Products accumulate in f32 either way. @default "f32" */
  readonly dtype?: 'f32' | 'bf16';
  /** CPU threads; 0: one per core. @default 0 */
  readonly threads?: number;
  readonly spec: ModelSpec;
  readonly weights: readonly TensorSource[];
  /** Projections that adapters of this session may use. @default [] */
  readonly targets?: readonly Projection[];
  /** Most adapters at once. @default 1, or 0 without targets */
  readonly slots?: number;
  /** Largest rank of any adapter. @default 16 */
  readonly rank?: number;
  /** Largest number of rows in a batch. @default 2048 */
  readonly maxTokens?: number;
  /** @default 256 */
  readonly maxSequences?: number;
  /** @default true when there are slots */
  readonly training?: boolean;
  /**
   * What backward makes again instead of keeping it: "cheap" repeats norms and SwiGLU, never a product; "layer" runs a
   * whole layer again from its input; "auto" takes the fastest mixture of the three, layer by layer, that fits the
   * memory. Results are the same to the last bit. @default "none"
   */
  readonly recompute?: Recompute;
  /** Rows of the key/value cache; 0: no generation. @default 0 */
  readonly cacheTokens?: number;
  readonly cacheSequences?: number;
  /** Most bytes that the session may take on its device; "auto" fills them. @default what is free */
  readonly memoryBytes?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface AdapterModule {
  readonly layer: number; // -1 for the head
  readonly projection: Projection;
  readonly rank: number;
  readonly scale: number;
}

export interface AdapterOptions {
  readonly modules: readonly AdapterModule[];
  /** @default 0 */
  readonly dropout?: number;
  /** @default 0n */
  readonly seed?: bigint;
}

export interface SlotLoss {
  readonly slot: AdapterSlot | -1;
  /** Sum of weight x nll. */
  readonly lossSum: number;
  readonly weightSum: number;
  /** Labels counted. */
  readonly scored: number;
}

export interface UpdateRule {
  readonly slot: AdapterSlot;
  readonly lr: number;
  /** Largest gradient norm; 0 or absent: no clipping. */
  readonly clip?: number;
  /** @default 0 */
  readonly weightDecay?: number;
  /** @default [0.9, 0.999] */
  readonly betas?: readonly [number, number];
  /** @default 1e-8 */
  readonly eps?: number;
}

export interface UpdateReport {
  readonly slot: AdapterSlot;
  /** Norm of the normalised gradient, before clipping. */
  readonly gradNorm: number;
  readonly clipFactor: number;
  /** Updates this adapter has had, this one included. */
  readonly step: number;
}

/** Counters that a bit-exact resume needs beside the tensors. */
export interface AdapterState {
  readonly step: number;
  readonly tick: number;
  readonly seed: bigint;
}

export interface Evaluation {
  /** nll of each row; 0 where not scored. */
  readonly rowLoss: Float32Array;
  /** Most likely token of each scored row, -1 elsewhere; only if asked for. */
  readonly top1?: Int32Array;
}

export interface GenerateSequence {
  readonly prompt: Int32Array;
  /** @default -1: the base model alone */
  readonly slot?: AdapterSlot | -1;
  /** Room in the cache to reserve past the prompt. @default an even share of what is free */
  readonly maxNewTokens?: number;
  /** 0: greedy. @default 0 */
  readonly temperature?: number;
  /** 0: all. @default 0 */
  readonly topK?: number;
  /** @default 1 */
  readonly topP?: number;
  /** 1: none. @default 1 */
  readonly repetitionPenalty?: number;
  /** @default 0n */
  readonly seed?: bigint;
}

/** One decoding step of a batch: a token per sequence, -1 for those already finished. */
export interface GenerateStep {
  readonly tokens: Int32Array;
  readonly logprobs: Float32Array;
}

export interface NextOptions extends Cancellable {
  /** Sequences, by number, to drop before drawing; their rows of the cache are free again. */
  readonly finished?: readonly number[];
  /** Tokens that may be drawn: bit masks [live sequences, ceil(V / 32)], in order of sequence number. */
  readonly allow?: Int32Array;
}

/** Prompts that have been read into the cache, being continued token by token. */
export interface Generation extends AsyncDisposable {
  /** Draws the next token of every live sequence. A call that fails or is aborted may be made again. */
  next(options?: NextOptions): Promise<GenerateStep>;
  end(): Promise<void>;
}

export interface Session extends AsyncDisposable {
  readonly spec: ModelSpec;
  /** What the session takes on its device, backend's workspace and context included. */
  readonly memory: readonly MemoryLine[];
  readonly recompute: RecomputeLayers;
  addAdapter(options: AdapterOptions): Promise<AdapterSlot>;
  removeAdapter(slot: AdapterSlot): Promise<void>;
  /**
   * Checks, copies and lays out a batch for the device now, while an earlier call computes; accumulate of the same object
   * then begins at once. Only the newest staged batch is kept. A batch that is not right is refused by accumulate.
   */
  stage(batch: Batch): void;
  /** Forward and backward over one packed batch; adds gradients (unnormalised sums) to the current window. */
  accumulate(batch: Batch, options?: Cancellable): Promise<readonly SlotLoss[]>;
  /**
   * One AdamW update of every named adapter from the window's gradients, normalised by each adapter's own weight
   * sum. All or nothing: on ERR_NOT_FINITE no weight has changed; the window is cleared either way.
   */
  applyGradients(rules: readonly UpdateRule[], options?: Cancellable): Promise<readonly UpdateReport[]>;
  dropGradients(): Promise<void>;
  evaluate(batch: Batch, options?: Cancellable & { readonly top1?: boolean }): Promise<Evaluation>;
  /** Logits of the given rows, [rows.length x vocabulary]. */
  logits(batch: Batch, rows: Int32Array, options?: Cancellable): Promise<Float32Array>;
  generate(sequences: readonly GenerateSequence[], options?: Cancellable): Promise<Generation>;
  readAdapter(slot: AdapterSlot, what: 'weights' | 'optimizer' | 'gradients'): Promise<readonly HostTensor[]>;
  writeAdapter(slot: AdapterSlot, what: 'weights' | 'optimizer', tensors: readonly HostTensor[]): Promise<void>;
  adapterState(slot: AdapterSlot): Promise<AdapterState>;
  setAdapterState(slot: AdapterSlot, state: AdapterState): Promise<void>;
  /** Idempotent. Pending promises reject with ERR_CLOSED. */
  close(): Promise<void>;
}
