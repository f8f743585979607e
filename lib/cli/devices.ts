// `whetstone devices`: what can compute here.

import { devices } from '../engine/devices.js';
import { bytes } from '../track/format.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

export async function devicesCommand(output: Output): Promise<number> {
  const found = await devices();
  output.result({ devices: found }, () => found.map((device) => {
    const name = device.kind === 'cpu' ? 'cpu' : `cuda:${device.ordinal}`;
    return `${name.padEnd(8)} ${device.name} (${device.detail}), ${bytes(device.freeBytes)} free of ${bytes(device.memoryBytes)}`;
  }).join('\n'));
  return EXIT.ok;
}
