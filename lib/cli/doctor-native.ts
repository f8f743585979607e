// The doctor's look at the native side: which addon is loaded, what the processor has, why there is no GPU.

import { existsSync } from 'node:fs';
import { cpuInfo, devices, whyNoCuda } from '../engine/devices.js';
import { pluginPaths } from '../engine/plugin-paths.js';
import { addonPaths, loadAddon } from '../engine/native.js';
import { bytes } from '../track/format.js';
import type { Finding } from './doctor.js';

export async function examineNative(): Promise<Finding[]> {
  try {
    const { version } = loadAddon();
    const found = addonPaths('engine').find((path) => existsSync(path)) ?? '';
    const { isa, available, threads } = cpuInfo();
    return [
      { name: 'engine', status: 'ok', detail: `${version}, from ${found}` },
      { name: 'cpu', status: 'ok', detail: `uses ${isa} of ${available.join(', ')}; ${threads} threads` },
      ...(await examineGpu()),
    ];
  } catch (error) {
    return [{ name: 'engine', status: 'problem', detail: (error as Error).message, advice: 'in the repository: npm run build' }];
  }
}

async function examineGpu(): Promise<Finding[]> {
  const reason = await whyNoCuda();
  const places = pluginPaths().map((path) => `${path}${existsSync(path) ? '' : ' (not there)'}`).join(', ');
  if (reason !== null) {
    return [{ name: 'gpu', status: 'note', detail: `none in use: ${reason.split('\n')[0]} Tried: ${places}`, advice: 'needed for training on a GPU only' }];
  }
  const cards = (await devices()).filter(({ kind }) => kind === 'cuda');
  return cards.map((card) => ({
    name: `cuda:${card.ordinal}`, status: 'ok' as const, detail: `${card.name} (${card.detail}), ${bytes(card.freeBytes)} free of ${bytes(card.memoryBytes)}`,
  }));
}
