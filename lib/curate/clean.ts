// Writes what stays and what goes. What stays keeps its bytes; what goes lies in removed.jsonl with its reason, and rows that
// were changed lie in changed.jsonl as they were, so that undo.ts gives back every file byte for byte.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { SOURCE_START } from '../data/source.js';
import { EngineError } from '../errors.js';
import type { CurateConfig } from './curate-config.js';
import { examine } from './examine.js';
import { hashFiles } from './lineage.js';
import type { LineageFile } from './lineage.js';
import type { Examination, ExamineOptions } from './examine.js';
import { isLines } from './raw-rows.js';
import type { BytesRow } from './raw-rows.js';
import { Rewriter } from './rewrite.js';
import type { ChangeStep } from './rewrite.js';
import { readUnits } from './thread-rows.js';

/** One line of removed.jsonl, and (with steps instead of step and reason) of changed.jsonl. */
export interface RemovedRow {
  /** 0-based over all files. */
  readonly index: number;
  readonly file: string;
  readonly row: number;
  readonly step?: string;
  readonly steps?: readonly ChangeStep[];
  readonly reason?: string;
  readonly detail?: unknown;
  /** Index of the row that stays in its place. */
  readonly of?: number;
  /** The row as it was: text, or base64 where the bytes are no UTF-8. */
  readonly text?: string;
  readonly base64?: string;
  /** Its line end, where that is not "\n". */
  readonly end?: string;
  /** Too long to be kept: text is only the beginning. */
  readonly cut?: boolean;
}

export interface CleanedFile {
  readonly file: string;
  readonly rows: number;
  readonly kept: number;
  /** Rows keep the file's own lines; else they are lines of JSON, made of what was read (CSV, Parquet, threads of trees …). */
  readonly ownLines: boolean;
  /** Of the file's bytes; of its lines, where it is compressed or has no lines of its own. */
  readonly sha256: string;
  readonly bytes: number;
  readonly byteOrderMark: boolean;
  /** Its last line ends with a line end. */
  readonly ended: boolean;
}

export interface CleanReport {
  readonly step: 'clean';
  /** What was read and what was written, for the lineage of a card. */
  readonly from: readonly LineageFile[];
  readonly written: LineageFile;
  readonly config: CurateConfig;
  readonly files: readonly CleanedFile[];
  readonly rows: number;
  readonly kept: number;
  readonly removed: number;
  readonly changed: number;
  /** Rows by the step that changed them. */
  readonly changedBy: Readonly<Partial<Record<ChangeStep, number>>>;
  /** Rows by "step: reason". */
  readonly reasons: Readonly<Record<string, number>>;
  /** Values replaced, by kind. */
  readonly pseudonyms: Readonly<Record<string, number>>;
}

export const CLEAN_FILES = { kept: 'clean.jsonl', removed: 'removed.jsonl', changed: 'changed.jsonl', report: 'report.json' } as const;

export interface CleanOptions extends ExamineOptions {
  readonly output: string;
}

/** Examines the files and writes the folder. An interrupted run goes on when it is started again. */
export async function clean(files: readonly string[], config: CurateConfig, options: CleanOptions): Promise<CleanReport> {
  const folder = resolve(options.output);
  await mkdir(folder, { recursive: true });
  const there = (await readdir(folder)).filter((name) => name !== '.state' && !name.endsWith('.new'));
  if (there.length > 0) {
    throw new EngineError(`${folder}: expected an empty folder for the cleaned rows, came one with ${there.slice(0, 3).join(', ')}. Give another one`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'output', expected: 'an empty folder', received: there.join(', ') });
  }
  const state = join(folder, '.state');
  const examination = await examine(files, config, { ...options, state });
  const report = await write(examination, config, folder, join(state, 'findings.jsonl'), options);
  await rm(state, { recursive: true });
  return report;
}

class Lines {
  readonly #stream: WriteStream;

  constructor(readonly path: string) {
    this.#stream = createWriteStream(`${path}.new`, { highWaterMark: 1 << 20 });
    this.#stream.on('error', () => undefined); // thrown by close and by drain
  }

  async write(data: Buffer | string): Promise<void> {
    if (!this.#stream.write(data)) await once(this.#stream, 'drain');
  }

  async close(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
    await rename(`${this.path}.new`, this.path);
  }
}

async function write(
  { files, decisions, detection, trees }: Examination, config: CurateConfig, folder: string, findings: string, options: CleanOptions,
): Promise<CleanReport> {
  const kept = new Lines(join(folder, CLEAN_FILES.kept));
  const removed = new Lines(join(folder, CLEAN_FILES.removed));
  const changed = new Lines(join(folder, CLEAN_FILES.changed));
  const details = detailsOf(findings);
  const tallies = await Promise.all(files.map((file) => tallyOf(file, trees === undefined && isLines(file))));
  const rewriter = new Rewriter(config, detection);
  const changedBy: Partial<Record<ChangeStep, number>> = {};
  let changes = 0;
  for await (const { rows } of readUnits(files, trees, SOURCE_START, options)) {
    options.signal?.throwIfAborted();
    options.onProgress?.('write', rows.at(-1)?.index ?? 0, decisions.count);
    for (const row of rows) {
      if (row.index >= decisions.count) throw changedMeanwhile(files[row.file]!);
      const tally = tallies[row.file]!;
      tally.add(row);
      const reason = decisions.reasonOf(row.index);
      if (reason !== '') {
        const [step, why] = [reason.slice(0, reason.indexOf(': ')), reason.slice(reason.indexOf(': ') + 2)];
        const of = resolved(decisions, row.index);
        const detail = await details(row.index);
        await removed.write(`${JSON.stringify({ ...placeOf(row, files), step, reason: why, ...(detail === undefined ? {} : { detail }), ...(of < 0 ? {} : { of }), ...bytesOf(row) })}\n`);
        continue;
      }
      tally.kept++;
      const own = rewriter.changed(row);
      if (own !== undefined) {
        changes++;
        for (const step of own.steps) changedBy[step] = (changedBy[step] ?? 0) + 1;
        await changed.write(`${JSON.stringify({ ...placeOf(row, files), steps: own.steps, ...bytesOf(row) })}\n`);
      }
      await kept.write(Buffer.concat([own === undefined ? row.raw : Buffer.from(own.text), Buffer.from(row.end === '' ? '\n' : row.end)]));
    }
  }
  await Promise.all([kept.close(), removed.close(), changed.close()]);
  const done = tallies.map((tally) => tally.result());
  const keptRows = done.reduce((sum, file) => sum + file.kept, 0);
  const [written] = await hashFiles([join(folder, CLEAN_FILES.kept)], folder, options.signal);
  const report: CleanReport = {
    step: 'clean', from: await hashFiles(files, folder, options.signal), written: written!, config, files: done, rows: decisions.count, kept: keptRows, removed: decisions.count - keptRows, changed: changes,
    reasons: Object.fromEntries(decisions.counts()), changedBy, pseudonyms: Object.fromEntries(rewriter.pseudonyms),
  };
  await writeFile(join(folder, CLEAN_FILES.report), `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

/** The row that stays in the end: the one that stayed first may have been a duplicate of another. */
function resolved(decisions: Examination['decisions'], row: number): number {
  let of = decisions.columns.of[row]!;
  for (let steps = 0; of >= 0 && !decisions.isKept(of) && decisions.columns.of[of]! >= 0 && steps < 100; steps++) of = decisions.columns.of[of]!;
  return of;
}

const placeOf = ({ index, file, row }: BytesRow, files: readonly string[]): { index: number; file: string; row: number } =>
  ({ index, file: files[file]!, row });

function bytesOf({ raw, end, cut }: BytesRow): Pick<RemovedRow, 'text' | 'base64' | 'end' | 'cut'> {
  const text = raw.toString('utf8');
  return { ...(Buffer.from(text).equals(raw) ? { text } : { base64: raw.toString('base64') }), ...(end === '\n' ? {} : { end }), ...(cut === true ? { cut } : {}) };
}

interface Tally {
  kept: number;
  add(row: BytesRow): void;
  result(): CleanedFile;
}

async function tallyOf(file: string, ownLines: boolean): Promise<Tally> {
  const hash: Hash = createHash('sha256');
  const byteOrderMark = ownLines && !/\.(?:gz|zst)$/i.test(file) && (await startOf(file)).equals(Buffer.from([0xef, 0xbb, 0xbf]));
  if (byteOrderMark) hash.update(Buffer.from([0xef, 0xbb, 0xbf]));
  let rows = 0;
  let bytes = byteOrderMark ? 3 : 0;
  let ended = true;
  const tally: Tally = {
    kept: 0,
    add({ raw, end }) {
      rows++;
      hash.update(raw).update(end);
      bytes += raw.length + end.length;
      ended = end !== '';
    },
    result() {
      return { file, rows, kept: tally.kept, ownLines, sha256: hash.digest('hex'), bytes, byteOrderMark, ended };
    },
  };
  return tally;
}

async function startOf(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(3), 0, 3, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Details in the order of their rows, read alongside. */
function detailsOf(path: string): (index: number) => Promise<unknown> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity })[Symbol.asyncIterator]();
  let next: { readonly index: number; readonly detail: unknown } | undefined;
  let done = false;
  return async (index) => {
    while (!done && (next === undefined || next.index < index)) {
      const { value, done: over } = await lines.next();
      done = over === true;
      next = done ? undefined : (JSON.parse(value as string) as typeof next);
    }
    return next?.index === index ? next.detail : undefined;
  };
}

function changedMeanwhile(file: string): EngineError {
  return new EngineError(`${file}: has more rows than when it was examined. Start again`, { code: 'ERR_DATA', file });
}

