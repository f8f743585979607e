// A stream that unpacks Zstandard: Node's own where there is one (22.15 and later), else fzstd.
import { Duplex, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';

type Made = (options?: { chunkSize?: number }) => Transform;

export function createUnzstd(own = (zlib as unknown as { createZstdDecompress?: Made }).createZstdDecompress): Duplex {
  return own === undefined ? Duplex.from(unzstd) : own({ chunkSize: 256 * 1024 });
}

/** First bytes of a frame, and of a frame to be skipped. */
const FRAME = 0xfd2fb528;
const SKIPPED_FRAME = 0x184d2a50;

/** Packed bytes that are unpacked at once: a block of a few bytes may stand for 128 KB, and what it stands for is held. */
const SLICE = 2048;

async function* unzstd(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let out: Buffer[] = [];
  const core = new Decompress((data) => void out.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
  const push = (bytes: Uint8Array, last = false): readonly Buffer[] => {
    out = [];
    try {
      core.push(bytes, last);
    } catch (error) {
      throw failure((error as Error).message);
    }
    return out.filter(({ length }) => length > 0);
  };
  let head: Buffer = Buffer.alloc(0);
  let known = false;
  for await (const chunk of packed) {
    let bytes = chunk;
    if (!known) {
      head = Buffer.concat([head, chunk]);
      if (head.length < 4) continue;
      const magic = head.readUInt32LE(0);
      if (magic !== FRAME && (magic & 0xfffffff0) >>> 0 !== SKIPPED_FRAME) throw failure('something else');
      known = true;
      bytes = head;
    }
    for (let at = 0; at < bytes.length; at += SLICE) yield* push(bytes.subarray(at, at + SLICE));
  }
  if (known) yield* push(new Uint8Array(0), true);
  else if (head.length > 0) throw failure('something else');
}

function failure(came: string): Error {
  return Object.assign(new Error(came), { code: 'ZSTD_INVALID' });
}
