// The nouns that travel from the packer to the engine: a sequence, an adapter's segment, a packed batch.

/** An adapter's number inside a session; -1 in a batch means "base weights only". */
export type AdapterSlot = number;

/** One tokenised example, before packing. All arrays have the same length. */
export interface Sequence {
  readonly tokens: Int32Array;
  /** labels[t] is the token that position t must predict (already shifted by one); -1 where nothing is learned. */
  readonly labels: Int32Array;
  /** Weight of each label in the loss; absent means 1 everywhere. */
  readonly weights?: Float32Array;
  /** Where it came from, for error messages and per-row losses: index of the row in its data set. */
  readonly row: number;
}

/** Rows [begin, end) of a batch belong to one adapter. */
export interface Segment {
  readonly begin: number;
  readonly end: number;
  readonly slot: AdapterSlot | -1;
}

/** A packed batch: sequences end to end, no padding. T rows, Q sequences. */
export interface Batch {
  readonly tokens: Int32Array; // [T]
  readonly labels: Int32Array; // [T], -1 where nothing is scored
  readonly positions: Int32Array; // [T], restarts at 0 in each sequence
  readonly seqBegin: Int32Array; // [Q + 1]
  readonly segments: readonly Segment[]; // cover all rows, in order
  readonly weights?: Float32Array; // [T], absent: 1 everywhere
  /** NEFTune's alpha; 0 or absent: no noise. Scaled by 1 / sqrt(document length x width) inside. */
  readonly neftuneAlpha?: number;
  /** Label smoothing in [0, 1); 0 or absent: none. */
  readonly labelSmoothing?: number;
}
