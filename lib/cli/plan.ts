// `whetstone plan`: whether a training run fits, line by line, before anything is loaded; here or on another GPU.

import { loadModel } from '../model/load.js';
import { bytes } from '../track/format.js';
import { readConfig } from '../train/config/parse.js';
import { planRun, sayFixes } from '../train/memory.js';
import type { RunDevice } from '../train/memory.js';
import { resolveDevice } from '../train/open.js';
import { loraOf } from '../train/train.js';
import { EngineError } from '../errors.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

interface Options {
  readonly set?: readonly string[];
  readonly device?: string;
  readonly memory?: string;
  readonly deviceName?: string;
}

/** Memory in GiB as drivers report it, a little less than what is printed on the box. */
const CARDS: Readonly<Record<string, number>> = {
  b200: 178, h200: 139.8, h100: 79.1, 'h100-nvl': 93.1, a100: 79.1, 'a100-40gb': 39.4, l40s: 44.4, l4: 21.9, a40: 44.4, a10g: 22, a6000: 47.5,
  'rtx-6000-ada': 47.5, 'rtx-5090': 31.3, 'rtx-4090': 23.6, 'rtx-3090': 23.6, 'rtx-4080': 15.6, 'rtx-4060-ti-16gb': 15.5, 'rtx-3060': 11.6,
};

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };

function usage(argument: string, expected: string, received: string): EngineError {
  return new EngineError(`--${argument}: expected ${expected}, got ${received}`, { code: 'ERR_INVALID_ARGUMENT', argument, expected, received });
}

/** "80GiB", "24 gb", "16000000000". */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?\s*$/i.exec(text);
  const unit = match === null ? undefined : UNITS[(match[2] ?? '').toLowerCase()];
  if (match === null || unit === undefined || Number(match[1]) === 0) throw usage('memory', 'an amount such as 80GiB or 24GB', text);
  return Math.floor(Number(match[1]) * unit);
}

async function whereOf(options: Options, configured: string): Promise<RunDevice> {
  if (options.deviceName !== undefined) {
    const card = options.deviceName.toLowerCase().replace(/^nvidia[- ]/, '').replaceAll(' ', '-');
    const memory = CARDS[card];
    if (memory === undefined && options.memory === undefined) {
      throw usage('device-name', `one of ${Object.keys(CARDS).join(', ')}, or --memory beside it`, options.deviceName);
    }
    return { device: 'cuda', memoryBytes: options.memory === undefined ? Math.floor(memory! * 2 ** 30) : parseBytes(options.memory) };
  }
  const chosen = options.device ?? configured;
  if (options.memory === undefined) return { device: await resolveDevice(chosen) };
  return { device: chosen === 'cpu' ? 'cpu' : 'cuda', memoryBytes: parseBytes(options.memory) };
}

export async function planCommand(output: Output, options: Options, file: string): Promise<number> {
  const config = await readConfig(file, options.set);
  const { spec } = await loadModel(config.model, config.revision === undefined ? {} : { revision: config.revision });
  const run = await planRun(config, spec, loraOf(config, spec), await whereOf(options, config.device));
  output.result(run, () => {
    const width = Math.max(...run.lines.map(({ name }) => name.length));
    const { keep, cheap, again } = run.recompute;
    return [
      ...run.lines.map(({ name, bytes: size }) => `${name.padEnd(width)}  ${bytes(size).padStart(9)}`),
      `${'in all'.padEnd(width)}  ${bytes(run.total).padStart(9)}  of ${bytes(run.available)} on ${run.device}`,
      `${spec.layers} layers: ${keep} keep everything, ${cheap} make norms and SwiGLU again, ${again} are run again in backward`,
      run.fits ? 'It fits.' : `It does not fit. ${sayFixes(run.fixes)}`,
    ].join('\n');
  });
  return run.fits ? EXIT.ok : EXIT.device;
}
