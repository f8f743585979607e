// PEFT saves the frozen head along with an adapter on it. Such a copy must be the base's own head: one that was
// trained, or grown with the vocabulary, is something this engine does not compute.

import { open } from 'node:fs/promises';
import { EngineError } from '../errors.js';
import type { ModelSpec, TensorSource } from '../tensors.js';
import type { LoadedAdapter } from './adapter.js';
import { ELEMENT_BYTES, decode } from './convert.js';

/** ERR_CHECKPOINT when an adapter brings a head that differs from the model's. Reads the head only if there is a copy. */
export async function checkCopies(
  { copies, folder }: Pick<LoadedAdapter, 'copies' | 'folder'>, model: { readonly spec: ModelSpec; readonly weights: readonly TensorSource[] },
): Promise<void> {
  for (const copy of copies) {
    const source = model.weights.find(({ name }) => name === (model.spec.tiedHead ? 'embed' : 'head'));
    if (source === undefined || copy.shape.join() !== source.shape.join() || !(await holds(source, copy.data))) {
      const problem = 'brings a head of its own (lm_head.base_layer.weight) that is not the base model\'s';
      throw new EngineError(`${folder}: ${problem}. A trained or resized head is not supported; check that this is its base model.`,
        { code: 'ERR_CHECKPOINT', file: folder, problem });
    }
  }
}

async function holds({ file, dtype, begin, end }: TensorSource, data: Float32Array): Promise<boolean> {
  const handle = await open(file);
  const size = ELEMENT_BYTES[dtype];
  try {
    for (let at = begin; at < end; at += 2 ** 20) {
      const bytes = new Uint8Array(Math.min(2 ** 20, end - at));
      await handle.read(bytes, 0, bytes.length, at);
      const first = (at - begin) / size;
      // PEFT stores the copy in the type that the base was loaded in: bf16 of an f32 base differs in the last bits.
      if (decode(bytes, dtype).some((value, i) => Math.abs(value - (data[first + i] as number)) > Math.abs(value) / 128)) return false;
    }
    return true;
  } finally {
    await handle.close();
  }
}
