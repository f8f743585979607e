// A stream that unpacks Zstandard: Node's own where there is one (22.15 and later), else fzstd.
import { Transform, type TransformCallback } from 'node:stream';
import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';

type Made = (options?: { chunkSize?: number }) => Transform;

export function createUnzstd(own = (zlib as unknown as { createZstdDecompress?: Made }).createZstdDecompress): Transform {
  return own === undefined ? new Unzstd() : own({ chunkSize: 256 * 1024 });
}

/** First bytes of a frame, and of a frame to be skipped. */
const FRAME = 0xfd2fb528;
const SKIPPED_FRAME = 0x184d2a50;

class Unzstd extends Transform {
  readonly #core = new Decompress((data) => void this.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
  #head = Buffer.alloc(0);
  #seen = false;

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    let bytes = chunk;
    if (!this.#seen) {
      this.#head = Buffer.concat([this.#head, chunk]);
      if (this.#head.length < 4) return done();
      const magic = this.#head.readUInt32LE(0);
      if (magic !== FRAME && (magic & 0xfffffff0) >>> 0 !== SKIPPED_FRAME) return done(failure('something else'));
      this.#seen = true;
      bytes = this.#head;
    }
    this.#work(() => this.#core.push(bytes), done);
  }

  override _flush(done: TransformCallback): void {
    if (!this.#seen) return done(this.#head.length === 0 ? null : failure('something else'));
    this.#work(() => this.#core.push(new Uint8Array(0), true), done);
  }

  #work(step: () => void, done: TransformCallback): void {
    try {
      step();
    } catch (error) {
      return done(failure((error as Error).message));
    }
    done();
  }
}

function failure(came: string): Error {
  return Object.assign(new Error(came), { code: 'ZSTD_INVALID' });
}
