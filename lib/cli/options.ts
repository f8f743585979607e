// Options that several commands share, as commander hands them over.

import type { Limits, PartsOptions } from '../train/open.js';

export interface EngineOptions {
  readonly device: string;
  readonly dtype: 'f32' | 'bf16';
  readonly threads: number;
}

export interface ModelOptions extends EngineOptions, PartsOptions {}

export interface SamplingOptions {
  readonly maxNewTokens: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly repetitionPenalty?: number;
  readonly seed: number;
}

export function engineLimits({ device, dtype, threads }: EngineOptions): Limits {
  return { device, dtype, threads };
}
