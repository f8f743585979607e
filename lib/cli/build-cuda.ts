// `whetstone build-cuda`: compiles the CUDA plugin with nvcc, puts it where sessions look, and says whether it runs here.

import { availableParallelism } from 'node:os';
import { buildPlugin } from '../engine/build-plugin.js';
import { devices, whyNoCuda } from '../engine/devices.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

interface Options {
  readonly nvcc?: string;
  readonly arch?: readonly string[];
  readonly jobs?: number;
  readonly force?: boolean;
}

export async function buildCudaCommand(output: Output, options: Options): Promise<number> {
  const jobs = options.jobs ?? availableParallelism();
  const result = await buildPlugin({
    jobs, nvcc: options.nvcc, force: options.force, ...(options.arch === undefined ? {} : { architectures: options.arch.flatMap((name) => name.split(',')) }),
    onProgress: ({ done, total, file, seconds }) => output.say(`[${done}/${total}] ${file} (${seconds.toFixed(1)} s)`),
  });
  const why = await whyNoCuda();
  const found = why === null ? (await devices()).filter(({ kind }) => kind === 'cuda').map(({ name }) => name) : [];
  output.result({ ...result, devices: found, ...(why === null ? {} : { why }) }, () => [
    `plugin   ${result.plugin}`,
    `made     ${result.compiled} of ${result.files} files with CUDA ${result.nvcc.version} for ${result.architectures.join(', ')} in ${result.seconds.toFixed(1)} s, ${jobs} at once`,
    why === null ? `devices  ${found.join(', ') || 'none'}` : `devices  none here yet: ${why}`,
  ].join('\n'));
  return EXIT.ok;
}
