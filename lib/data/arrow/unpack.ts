// Compressed buffers of an Arrow batch: Zstandard, or LZ4 frames, whose blocks may refer to the ones before.
import { decompress } from 'fzstd';
import { int64At, slice } from './flatbuffer.js';

/** Most bytes that one buffer may unpack to, whatever its size; more only if it grows by no more than this. */
const LARGEST = 64 * 1024 * 1024;
const MOST_GROWTH = 400;

/** `codec` as in the metadata: 0 LZ4 frames, 1 Zstandard, undefined none. */
export function unpackBuffer(bytes: Buffer, codec: number | undefined): Buffer {
  if (codec === undefined || bytes.length === 0) return bytes;
  const size = int64At(bytes, 0);
  const packed = bytes.subarray(8);
  if (size === -1) return packed;
  if (size < 0 || size > Math.max(LARGEST, packed.length * MOST_GROWTH)) throw new RangeError(`a buffer that unpacks to ${size} bytes`);
  const out = Buffer.from(new Uint8Array(size));
  if (codec === 0) {
    if (unpackLz4Frame(packed, out) !== size) throw new RangeError('an LZ4 frame that is cut off');
    return out;
  }
  if (codec !== 1) throw new RangeError(`the compression ${codec}`);
  const result = decompress(packed, out);
  if (result.length !== size) throw new RangeError('a Zstandard frame that is cut off');
  return Buffer.from(result.buffer, result.byteOffset, result.byteLength);
}

function unpackLz4Frame(bytes: Buffer, out: Buffer): number {
  if (bytes.readUInt32LE(0) !== 0x184d2204) throw new RangeError('no LZ4 frame');
  const flags = bytes.readUInt8(4);
  let at = 7 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0);
  let done = 0;
  for (;;) {
    const head = bytes.readUInt32LE(at);
    at += 4;
    if (head === 0) return done;
    const size = head & 0x7fffffff;
    const block = slice(bytes, at, size);
    at += size + (flags & 16 ? 4 : 0);
    if (head >>> 31 === 1) {
      if (done + size > out.length) throw new RangeError('an LZ4 block that is too long');
      done += block.copy(out, done);
    } else done = unpackBlock(block, out, done);
  }
}

/** One block behind what is already there; returns where it ends. */
function unpackBlock(block: Buffer, out: Buffer, start: number): number {
  let done = start;
  let at = 0;
  const more = (size: number): number => {
    let total = size;
    if (size === 15) {
      let byte: number;
      do {
        byte = block.readUInt8(at++);
        total += byte;
      } while (byte === 255);
    }
    return total;
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = more(token >> 4);
    if (done + literals > out.length) throw new RangeError('an LZ4 block that is too long');
    done += slice(block, at, literals).copy(out, done);
    at += literals;
    if (at >= block.length) break;
    const back = block.readUInt16LE(at);
    at += 2;
    const size = more(token & 15) + 4;
    if (back === 0 || back > done || done + size > out.length) throw new RangeError('an LZ4 block that leads outside');
    for (let i = 0; i < size; i++) out[done + i] = out[done - back + i] as number;
    done += size;
  }
  return done;
}
