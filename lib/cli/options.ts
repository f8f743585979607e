// Options that several commands share, as commander hands them over.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TextTokenizer } from '../text/tokenizer.js';
import { bytes } from '../track/format.js';
import { loadParts } from '../train/open.js';
import type { Limits, Parts, PartsOptions } from '../train/open.js';
import type { Output } from './output.js';

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

/** Loads what the options name; on a terminal a file that comes from the hub shows how far it is. */
export async function partsOf(output: Output, options: PartsOptions): Promise<Parts> {
  const { write, live } = output.terminal;
  const parts = await loadParts({
    model: options.model, revision: options.revision, adapter: options.adapter,
    onDownload: ({ file, done, total }) => {
      if (live) write(`\r\u001b[2Kfetching ${file}: ${bytes(done)}${total === undefined ? '' : ` of ${bytes(total)}`}`);
    },
  });
  if (live) write('\r\u001b[2K');
  return parts;
}

/** A model's tokenizer alone: a folder that has one need not be a whole model. */
export async function tokenizerOf(output: Output, { model, revision }: Pick<PartsOptions, 'model' | 'revision'>): Promise<TextTokenizer> {
  const local = await stat(join(model, 'tokenizer.json')).catch(() => undefined);
  if (local !== undefined) return TextTokenizer.load(model);
  return (await partsOf(output, { model, ...(revision === undefined ? {} : { revision }) })).tokenizer;
}

export function engineLimits({ device, dtype, threads }: EngineOptions): Limits {
  return { device, dtype, threads };
}
