// Small safetensors files held in memory as a whole: adapters and training state. Base weights never come through here.

import { readFile } from 'node:fs/promises';
import { EngineError } from '../errors.js';
import { parseSafetensorsHeader, planSafetensors, readSafetensorsHeader } from '../model/safetensors.js';
import type { HostTensor } from '../tensors.js';
import { writeSynced, type AtomicIo, type Written } from './atomic.js';
import { decodeF32, isFileDtype } from './convert.js';

/** Writes f32 tensors, byte for byte as the Python writer does. For files inside a folder that is renamed later. */
export function writeTensorFile(file: string, tensors: readonly HostTensor[], io?: AtomicIo): Promise<Written> {
  return writeSynced(file, tensorFileChunks(tensors), io);
}

/** The bytes of such a file, piece by piece. Tensors must have names of their own. */
export function* tensorFileChunks(tensors: readonly HostTensor[]): Iterable<Uint8Array> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const plan = planSafetensors([...byName.values()].map(({ name, shape }) => ({ name, dtype: 'F32', shape })));
  yield plan.header;
  for (const { name, begin, end, shape } of plan.entries) {
    const { data } = byName.get(name) as HostTensor;
    if (data.byteLength !== end - begin) {
      throw new EngineError(`tensor ${name}: shape [${shape.join(', ')}] and ${data.length} elements do not agree`,
        { code: 'ERR_INVALID_ARGUMENT', argument: name, expected: `${(end - begin) / 4} elements`, received: `${data.length}` });
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** All tensors of a file as f32, checked against its header. Other element types are widened or refused. */
export async function readTensorFile(file: string): Promise<readonly HostTensor[]> {
  await readSafetensorsHeader(file); // a lie about lengths is found before the file is read as a whole
  const bytes = new Uint8Array(await readFile(file));
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const { entries } = parseSafetensorsHeader(bytes.subarray(8, 8 + headerBytes), bytes.length, file);
  return entries.map(({ name, dtype, shape, begin, end }) => {
    if (!isFileDtype(dtype)) {
      const problem = `tensor ${name} has type ${dtype}; expected F32, BF16, F16 or F64`;
      throw new EngineError(`${file}: ${problem}`, { code: 'ERR_CHECKPOINT', file, problem });
    }
    return { name, shape, data: decodeF32(bytes.subarray(begin, end), dtype, file, name) };
  });
}
