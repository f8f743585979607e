// `whetstone merge`: a model with an adapter folded in, as a folder that anything reads.

import { mergeAdapter } from '../checkpoint/merge.js';
import { readAdapter } from '../checkpoint/adapter.js';
import { loadModel } from '../model/load.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

interface Options {
  readonly model: string;
  readonly revision?: string;
  readonly adapter: string;
  readonly output: string;
}

export async function mergeCommand(output: Output, options: Options): Promise<number> {
  const model = await loadModel(options.model);
  const adapter = await readAdapter(options.adapter, model.spec);
  await mergeAdapter({ model, adapter, output: options.output });
  output.result({ output: options.output }, `Wrote the merged model to ${options.output}.`);
  return EXIT.ok;
}
