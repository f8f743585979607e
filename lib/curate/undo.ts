// Undoes a cleaning: the files as they were, byte for byte and checked by their hashes; or the rows that stayed with those that some
// steps had taken out.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { once } from 'node:events';
import { basename, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { EngineError, dataError } from '../errors.js';
import { CLEAN_FILES } from './clean.js';
import type { CleanReport, CleanedFile, RemovedRow } from './clean.js';

export interface UndoOptions {
  /** Where the files go; absent: "restored" in the cleaned folder. */
  readonly to?: string | undefined;
  /** Only these steps are undone ("near-duplicates", "chat", "pii" …); absent: all of them, and the files are as they were. */
  readonly steps?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface UndoReport {
  readonly files: readonly { readonly file: string; readonly restored: string; readonly rows: number; readonly identical: boolean | undefined; readonly ownLines: boolean }[];
  /** Rows put back. */
  readonly putBack: number;
}

export async function undoClean(cleaned: string, options: UndoOptions = {}): Promise<UndoReport> {
  const folder = resolve(cleaned);
  const report = await readReport(folder);
  const to = resolve(options.to ?? join(folder, 'restored'));
  await mkdir(to, { recursive: true });
  const undoes = (step: string): boolean => options.steps === undefined || options.steps.includes(step);
  const kept = lines(join(folder, CLEAN_FILES.kept));
  const removed = new Ahead(join(folder, CLEAN_FILES.removed));
  const changed = new Ahead(join(folder, CLEAN_FILES.changed));
  const out: UndoReport['files'][number][] = [];
  let index = 0;
  let putBack = 0;
  for (const [number, file] of report.files.entries()) {
    const path = join(to, nameOf(report.files, number));
    const stream = createWriteStream(`${path}.new`, { highWaterMark: 1 << 20 });
    const hash = createHash('sha256');
    const write = async (bytes: Buffer): Promise<void> => {
      hash.update(bytes);
      if (!stream.write(bytes)) await once(stream, 'drain');
    };
    if (file.byteOrderMark) await write(Buffer.from([0xef, 0xbb, 0xbf]));
    let rows = 0;
    for (let row = 0; row < file.rows; row++, index++) {
      options.signal?.throwIfAborted();
      const gone = await removed.at(index);
      const before = await changed.at(index);
      const undone = before?.steps?.some(undoes) ?? false;
      const current = gone === undefined ? (await kept.next()).value as Buffer | undefined : undefined;
      if (gone === undefined && current === undefined) throw dataError({ file: join(folder, CLEAN_FILES.kept) }, `has fewer rows than ${CLEAN_FILES.report} says; was it changed?`);
      let line = current;
      if (gone !== undefined && undoes(gone.step ?? '')) line = lineOf(gone);
      else if (undone) line = lineOf(before!);
      else if (!file.ended && row === file.rows - 1 && current !== undefined && options.steps === undefined) line = current.subarray(0, -1);
      if (line === undefined) continue;
      if (gone !== undefined || undone) putBack++;
      rows++;
      await write(line);
    }
    stream.end();
    await finished(stream);
    await rename(`${path}.new`, path);
    const identical = options.steps === undefined ? hash.digest('hex') === file.sha256 : undefined;
    if (identical === false) {
      throw dataError({ file: path }, `is not what ${file.file} was: its hash differs from the one in ${CLEAN_FILES.report}. Was a file of ${folder} changed?`);
    }
    out.push({ file: file.file, restored: path, rows, identical, ownLines: file.ownLines });
  }
  return { files: out, putBack };
}

function nameOf(files: readonly CleanedFile[], number: number): string {
  const name = basename(files[number]!.file).replace(/\.(?:gz|zst)$/i, '').replace(/\.(?!jsonl$|ndjson$|jsonlines$)[^.]*$/i, '.jsonl');
  const earlier = files.slice(0, number).some(({ file }) => basename(file) === basename(files[number]!.file));
  return earlier ? `${number}-${name}` : name;
}

async function readReport(folder: string): Promise<CleanReport> {
  try {
    return JSON.parse(await readFile(join(folder, CLEAN_FILES.report), 'utf8')) as CleanReport;
  } catch (error) {
    throw new EngineError(`${folder}: expected a folder that "whetstone data clean" wrote, with ${CLEAN_FILES.report} (${(error as Error).message})`,
      { code: 'ERR_DATA', file: folder });
  }
}

/** The bytes of a row with its line end. */
function lineOf({ file, row, text, base64, end = '\n', cut }: RemovedRow): Buffer {
  if (cut === true) throw dataError({ file, row }, 'expected the whole row, came its beginning: it was too long to be kept. Undo other steps only (--step), or take it from the file');
  return Buffer.concat([text === undefined ? Buffer.from(base64!, 'base64') : Buffer.from(text), Buffer.from(end)]);
}

/** Lines with their ends, as bytes. */
async function* lines(path: string): AsyncGenerator<Buffer> {
  let open: Buffer[] = [];
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    let begin = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, begin)) {
      yield Buffer.concat([...open, chunk.subarray(begin, at + 1)]);
      open = [];
      begin = at + 1;
    }
    if (begin < chunk.length) open.push(Buffer.from(chunk.subarray(begin)));
  }
  if (open.length > 0) yield Buffer.concat(open);
}

/** A file of rows in order of their index, read as far as somebody asks. */
class Ahead {
  readonly #lines: AsyncGenerator<Buffer>;
  #next: RemovedRow | undefined;
  #over = false;

  constructor(path: string) {
    this.#lines = lines(path);
  }

  async at(index: number): Promise<RemovedRow | undefined> {
    while (!this.#over && (this.#next === undefined || this.#next.index < index)) {
      const { value, done } = await this.#lines.next();
      this.#over = done === true;
      this.#next = this.#over ? undefined : (JSON.parse((value as Buffer).toString('utf8')) as RemovedRow);
    }
    return this.#next?.index === index ? this.#next : undefined;
  }
}
