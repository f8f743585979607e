// Random weights for shapes that are too large to write out: all tensors are cut from one file of random bf16, each from
// its own offset, so a model of 16 GB needs 1.2 GB of disk. Norm weights come from a stretch of ones.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSpec, TensorSource } from '../../lib/tensors.js';

const ONES_BYTES = 1 << 17;
const SPARE_BYTES = 1 << 24;

/** bf16 of uniform numbers in [-limit, limit), from a seeded xorshift. */
function fill(words: Uint16Array, limit: number, state: { x: number }): void {
  const value = new Float32Array(1), bits = new Uint32Array(value.buffer);
  for (let i = 0; i < words.length; i++) {
    state.x ^= state.x << 13;
    state.x ^= state.x >>> 17;
    state.x ^= state.x << 5;
    value[0] = (state.x / 2 ** 31) * limit;
    words[i] = bits[0]! >>> 16;
  }
}

/** Writes the file and lists the tensors of `spec`; `remove` deletes the file. */
export function sharedWeights(spec: ModelSpec): { readonly weights: readonly TensorSource[]; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-bench-'));
  const file = join(folder, 'weights.bin');
  const largest = Math.max(spec.vocabulary, spec.feedForward) * spec.width * 2;
  const out = openSync(file, 'w');
  writeSync(out, new Uint16Array(ONES_BYTES / 2).fill(0x3f80));
  const piece = new Uint16Array(1 << 21), state = { x: 0x9e3779b9 | 0 };
  for (let left = largest + SPARE_BYTES; left > 0; left -= piece.byteLength) {
    fill(piece, 0.02 * Math.sqrt(3), state);
    writeSync(out, piece);
  }
  closeSync(out);
  let shift = 0;
  const matrix = (name: string, rows: number, columns: number): TensorSource => {
    shift = (shift + 4 * 7919) % SPARE_BYTES;
    const begin = ONES_BYTES + shift;
    return { name, dtype: 'BF16', shape: [rows, columns], file, begin, end: begin + rows * columns * 2 };
  };
  const ones = (name: string, width: number): TensorSource => ({ name, dtype: 'BF16', shape: [width], file, begin: 0, end: width * 2 });
  const { width, feedForward, headWidth } = spec, q = spec.heads * headWidth, kv = spec.kvHeads * headWidth;
  const weights = [matrix('embed', spec.vocabulary, width), ones('norm', width)];
  if (!spec.tiedHead) weights.push(matrix('head', spec.vocabulary, width));
  for (let i = 0; i < spec.layers; i++) {
    const at = `layers.${i}.`;
    weights.push(ones(`${at}norm1`, width), ones(`${at}norm2`, width),
      matrix(`${at}q`, q, width), matrix(`${at}k`, kv, width), matrix(`${at}v`, kv, width), matrix(`${at}o`, width, q),
      matrix(`${at}gate`, feedForward, width), matrix(`${at}up`, feedForward, width), matrix(`${at}down`, width, feedForward));
    if (spec.qkNorm) weights.push(ones(`${at}q_norm`, headWidth), ones(`${at}k_norm`, headWidth));
  }
  return { weights, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
