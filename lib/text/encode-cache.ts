// Encoded data sets on disk: one file a key, written beside and renamed, checked byte by byte before it is used.
//
// Layout: magic, tokens (i32), lengths, rows, run counts, runs (i32), run weights (f32), a JSON footer, its size (u32),
// and the SHA-256 of everything before it. Little endian.
import { createHash, randomBytes, type Hash } from 'node:crypto';
import { openSync } from 'node:fs';
import { mkdir, open, rename, rm, utimes, type FileHandle } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import {
  addReports,
  EMPTY_REPORT,
  EncodedSet,
  FileStore,
  MemoryStore,
  type EncodedBatch,
  type EncodedTables,
  type EncodeReport,
} from './encoded-set.js';

const MAGIC = Buffer.from('WHETENC1');
const TRAILER = 4 + 32;
/** Larger token lists are read from the file sequence by sequence. */
export const IN_MEMORY_BYTES = 256 * 1024 * 1024;

interface Footer {
  readonly key: string;
  readonly sequences: number;
  readonly runs: number;
  readonly report: EncodeReport;
}

/** `$XDG_CACHE_HOME/whetstone/encoded`, or `~/.cache/whetstone/encoded`. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME;
  return path.join(
    base !== undefined && path.isAbsolute(base) ? base : path.join(homedir(), '.cache'),
    'whetstone',
    'encoded',
  );
}

const fileOf = (folder: string, key: string) => path.join(folder, `${key}.bin`);

/** The cached set, or undefined: also when the file is damaged, of another version or of another key. */
export async function readCache(
  folder: string,
  key: string,
  signal?: AbortSignal,
  memoryBytes = IN_MEMORY_BYTES,
): Promise<EncodedSet | undefined> {
  const file = fileOf(folder, key);
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const found = await readChecked(handle, key, memoryBytes, signal);
    if (found === undefined) return undefined;
    const { footer, tables, tokens } = found;
    const store = tokens === undefined ? new FileStore(openSync(file, 'r'), MAGIC.length) : new MemoryStore(tokens);
    // Marks it as used, for whoever clears old files; a read-only cache is fine too.
    await utimes(file, new Date(), new Date()).catch(() => undefined);
    return new EncodedSet({ key, fromCache: true, tables, store, report: footer.report });
  } catch {
    signal?.throwIfAborted();
    return undefined;
  } finally {
    await handle.close();
  }
}

async function readChecked(
  handle: FileHandle,
  key: string,
  memoryBytes: number,
  signal?: AbortSignal,
): Promise<{ footer: Footer; tables: EncodedTables; tokens: Int32Array | undefined } | undefined> {
  const { size } = await handle.stat();
  if (size < MAGIC.length + TRAILER) return undefined;
  const trailer = await readAt(handle, size - TRAILER, TRAILER);
  const footerSize = trailer.readUInt32LE(0);
  const footerAt = size - TRAILER - footerSize;
  if (footerAt < MAGIC.length) return undefined;
  if (!(await readAt(handle, 0, MAGIC.length)).equals(MAGIC)) return undefined;
  const hash = createHash('sha256');
  for (let at = 0; at < size - 32; at += 1 << 20) {
    signal?.throwIfAborted();
    hash.update(await readAt(handle, at, Math.min(1 << 20, size - 32 - at)));
  }
  if (!hash.digest().equals(trailer.subarray(4))) return undefined;
  const footer = JSON.parse((await readAt(handle, footerAt, footerSize)).toString()) as Footer;
  const { sequences, runs, report } = footer;
  const tokenBytes = report.tokens * 4;
  if (footer.key !== key || MAGIC.length + tokenBytes + 4 * (3 * sequences + 3 * runs) !== footerAt) return undefined;
  let at = MAGIC.length + tokenBytes;
  const next = async (count: number) => {
    const bytes = await readAt(handle, at, count * 4);
    at += count * 4;
    return new Int32Array(bytes.buffer, bytes.byteOffset, count);
  };
  const tables = {
    lengths: await next(sequences),
    rows: await next(sequences),
    runCounts: await next(sequences),
    runs: await next(2 * runs),
    runWeights: await next(runs).then(({ buffer, byteOffset, length }) => new Float32Array(buffer, byteOffset, length)),
  };
  if (!consistent(tables, report.tokens)) return undefined;
  if (tokenBytes > memoryBytes) return { footer, tables, tokens: undefined };
  const bytes = await readAt(handle, MAGIC.length, tokenBytes);
  return { footer, tables, tokens: new Int32Array(bytes.buffer, bytes.byteOffset, report.tokens) };
}

/** The tables agree with one another: nothing in them leads outside a sequence. */
function consistent({ lengths, runCounts, runs }: EncodedTables, tokens: number): boolean {
  let total = 0;
  let run = 0;
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i] as number;
    if (length < 1) return false;
    total += length;
    let before = 0;
    for (let k = 0; k < (runCounts[i] as number); k++, run++) {
      const begin = runs[2 * run] as number;
      const end = runs[2 * run + 1] as number;
      if (!(begin >= before && end > begin && end < length)) return false;
      before = end;
    }
  }
  return total === tokens && run * 2 === runs.length;
}

async function readAt(handle: FileHandle, at: number, count: number): Promise<Buffer> {
  const bytes = Buffer.from(new ArrayBuffer(count));
  let done = 0;
  while (done < count) {
    const { bytesRead } = await handle.read(bytes, done, count - done, at + done);
    if (bytesRead === 0) throw new RangeError('cache file too short');
    done += bytesRead;
  }
  return bytes;
}

/** Collects encoded batches into a set: into a cache file where there is a folder for it, and else into memory. */
export class SetWriter {
  readonly #key: string;
  readonly #folder: string | undefined;
  readonly #memoryBytes: number;
  readonly #batches: EncodedBatch['tables'][] = [];
  #tokens: Int32Array[] | undefined = [];
  #tokenBytes = 0;
  #file: { handle: FileHandle; temporary: string; hash: Hash } | undefined;
  #report = EMPTY_REPORT;
  /** Why the set could not be cached, if so: a full or read-only disk never stops training. */
  cacheProblem: string | undefined;

  private constructor(key: string, folder: string | undefined, memoryBytes: number) {
    this.#key = key;
    this.#memoryBytes = memoryBytes;
    this.#folder = folder;
  }

  static async open(key: string, folder: string | undefined, memoryBytes = IN_MEMORY_BYTES): Promise<SetWriter> {
    const writer = new SetWriter(key, folder, memoryBytes);
    if (folder !== undefined) {
      await writer.#cache(async () => {
        await mkdir(folder, { recursive: true });
        const temporary = path.join(folder, `.${key}.${randomBytes(6).toString('hex')}.tmp`);
        const handle = await open(temporary, 'wx');
        writer.#file = { handle, temporary, hash: createHash('sha256') };
        await writer.#write(MAGIC);
      });
    }
    return writer;
  }

  get report(): EncodeReport {
    return this.#report;
  }

  async add(batch: EncodedBatch): Promise<void> {
    this.#batches.push(batch.tables);
    this.#report = addReports(this.#report, batch.report);
    this.#tokenBytes += batch.tokens.byteLength;
    // Kept in memory until that is too much and the file holds them all.
    this.#tokens?.push(batch.tokens);
    await this.#cache(() => this.#write(bytesOf(batch.tokens)));
    if (this.#tokenBytes > this.#memoryBytes && this.#file !== undefined) this.#tokens = undefined;
  }

  /** `bad`: rows that never came here because they could not be used. */
  async finish(bad = 0): Promise<EncodedSet> {
    this.#report = { ...this.#report, bad };
    const tables: EncodedTables = {
      lengths: join(
        Int32Array,
        this.#batches.map(({ lengths }) => lengths),
      ),
      rows: join(
        Int32Array,
        this.#batches.map(({ rows }) => rows),
      ),
      runCounts: join(
        Int32Array,
        this.#batches.map(({ runCounts }) => runCounts),
      ),
      runs: join(
        Int32Array,
        this.#batches.map(({ runs }) => runs),
      ),
      runWeights: join(
        Float32Array,
        this.#batches.map(({ runWeights }) => runWeights),
      ),
    };
    await this.#cache(() => this.#finishFile(tables));
    const store =
      this.#tokens !== undefined
        ? new MemoryStore(join(Int32Array, this.#tokens))
        : new FileStore(openSync(fileOf(this.#folder as string, this.#key), 'r'), MAGIC.length);
    return new EncodedSet({ key: this.#key, fromCache: false, tables, store, report: this.#report });
  }

  /** Removes what was written so far. */
  async abandon(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    await file.handle.close().catch(() => undefined);
    await rm(file.temporary, { force: true });
  }

  async #finishFile(tables: EncodedTables): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    for (const table of Object.values(tables)) await this.#write(bytesOf(table as Int32Array | Float32Array));
    const footer = Buffer.from(
      JSON.stringify({
        key: this.#key,
        sequences: tables.lengths.length,
        runs: tables.runWeights.length,
        report: this.#report,
      } satisfies Footer),
    );
    const size = Buffer.alloc(4);
    size.writeUInt32LE(footer.length);
    await this.#write(footer);
    await this.#write(size);
    await file.handle.write(file.hash.digest());
    await file.handle.sync();
    await file.handle.close();
    await rename(file.temporary, fileOf(this.#folder as string, this.#key));
    this.#file = undefined;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#file === undefined || bytes.length === 0) return;
    this.#file.hash.update(bytes);
    for (let done = 0; done < bytes.length;) done += (await this.#file.handle.write(bytes, done)).bytesWritten;
  }

  /** A cache that cannot be written is given up; the set stays in memory. */
  async #cache(step: () => Promise<void>): Promise<void> {
    if (this.cacheProblem !== undefined) return;
    try {
      await step();
    } catch (error) {
      if (this.#tokens === undefined) {
        await this.abandon();
        throw error;
      }
      this.cacheProblem = (error as Error).message;
      await this.abandon();
    }
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function join<A extends Int32Array | Float32Array>(Kind: new (length: number) => A, parts: readonly A[]): A {
  const all = new Kind(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
