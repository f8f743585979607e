// What files and the engine tell each other about models and tensors.

export type RopeSpec = {
  /** Base of the frequencies. */
  readonly theta: number;
  /** How many of a head's elements are rotated (all, or a part for partial rotary models). Even. */
  readonly rotaryWidth: number;
  readonly maxPositions: number;
} & (
  | { readonly kind: 'default' }
  | { readonly kind: 'linear'; readonly factor: number }
  | { readonly kind: 'dynamic'; readonly factor: number; readonly originalMaxPositions: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Amplitude of cos and sin, already resolved from attention_factor, mscale and mscale_all_dim. */
      readonly attentionFactor: number;
      readonly truncate: boolean;
    }
);

/** Everything the graph needs to know about a dense decoder. Nothing about files. */
export interface ModelSpec {
  readonly family: string; // "llama", "mistral", "qwen2", "qwen3", "phi3": for messages only
  readonly vocabulary: number; // V
  readonly width: number; // D
  readonly layers: number;
  readonly heads: number; // H
  readonly kvHeads: number; // G
  readonly headWidth: number; // E
  readonly feedForward: number; // F
  readonly normEps: number;
  readonly tiedHead: boolean;
  /** Bias on q, k, v. */
  readonly qkvBias: boolean;
  /** Bias on o. */
  readonly oBias: boolean;
  /** Bias on gate, up and down. */
  readonly mlpBias: boolean;
  /** RMSNorm on each head of q and k before RoPE (Qwen3). */
  readonly qkNorm: boolean;
  /** q, k and v are one projection "qkv" in the file, and adapters attach to it as one (Phi-3). */
  readonly fusedQkv: boolean;
  /** gate and up are one projection "gate_up" in the file. */
  readonly fusedGateUp: boolean;
  /** Sliding window of each layer; 0: none. Length `layers`. */
  readonly window: readonly number[];
  readonly rope: RopeSpec;
}

/** The projections of a layer that an adapter may attach to, and the head. */
export type Projection = 'q' | 'k' | 'v' | 'qkv' | 'o' | 'gate' | 'up' | 'gate_up' | 'down' | 'head';

/**
 * The engine's tensor names. Frozen: `embed`, `layers.<i>.{norm1,norm2,q_norm,k_norm}`, `layers.<i>.<projection>`
 * with `.bias` after it for biases, `norm`, `head`. Adapters: `layers.<i>.<projection>.{a,b}`, `head.{a,b}`.
 * Optimizer state appends `.m` and `.v`.
 */
export type TensorName = string;

export type FileDtype = 'F64' | 'F32' | 'BF16' | 'F16';

/** Where the bytes of one frozen tensor lie. Rows are the first extent. */
export interface TensorSource {
  readonly name: TensorName;
  readonly dtype: FileDtype;
  readonly shape: readonly number[];
  readonly file: string; // absolute path
  readonly begin: number; // byte offset in the file
  readonly end: number;
}

/** A named tensor in host memory; f32 row-major. */
export interface HostTensor {
  readonly name: TensorName;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
