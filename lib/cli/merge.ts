// `whetstone merge`: a model with an adapter folded in, as a folder that anything reads.

import { mergeAdapter } from '../checkpoint/merge.js';
import { loadModel } from '../model/load.js';
import { bytes } from '../track/format.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

interface Options {
  readonly model: string;
  readonly revision?: string;
  readonly adapter: string;
  readonly output: string;
  readonly untieHead?: boolean;
}

export async function mergeCommand(output: Output, options: Options): Promise<number> {
  const { folder } = await loadModel(options.model, options.revision === undefined ? {} : { revision: options.revision });
  const report = await mergeAdapter({
    model: folder, adapter: options.adapter, out: options.output, untieHead: options.untieHead ?? false,
    onProgress: (done, total) => {
      if (output.terminal.live) output.terminal.write(`\r${bytes(done)} of ${bytes(total)}`);
    },
  });
  if (output.terminal.live) output.terminal.write('\r\u001b[2K');
  output.result({ output: report.out, merged: report.merged, untied: report.untied },
    `Folded the adapter into ${report.merged} weights; the model is in ${report.out}.`);
  return EXIT.ok;
}
