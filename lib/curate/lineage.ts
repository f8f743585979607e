// Where a data file comes from: steps that each read files and wrote files, joined by the hashes of their contents. Every
// command that writes rows leaves a record (split.json, select.json …) beside them; a lineage is found by following them.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../errors.js';

export interface LineageFile {
  /** Relative to the folder of the record. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface LineageStep {
  /** What the record calls itself, or its name without the ending: "split", "select", "clean". */
  readonly step: string;
  /** SHA-256 of the record itself: its settings and counts. */
  readonly sha256: string;
  readonly from: readonly LineageFile[];
  readonly to: readonly LineageFile[];
}

/** Oldest step first. A file that no step wrote is an origin. */
export interface Lineage {
  readonly steps: readonly LineageStep[];
  readonly files: readonly LineageFile[];
}

export async function hashFiles(files: readonly string[], folder: string, signal?: AbortSignal): Promise<LineageFile[]> {
  const found: LineageFile[] = [];
  for (const file of files) {
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
        signal?.throwIfAborted();
        hash.update(chunk as Buffer);
        bytes += (chunk as Buffer).length;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw dataError({ file }, `cannot be read: ${(error as Error).message}`, { cause: error });
    }
    found.push({ file: path.relative(folder, file) || path.basename(file), bytes, sha256: hash.digest('hex') });
  }
  return found;
}

const LARGEST_RECORD = 16 << 20;
const MOST_STEPS = 64;

/** Follows records from the files back to their origins. Records that cannot be read, or are of another kind, are no steps. */
export async function findLineage(files: readonly string[], signal?: AbortSignal): Promise<Lineage> {
  const own = await hashFiles(files, process.cwd(), signal);
  const steps: LineageStep[] = [];
  const known = new Set<string>();
  let open = files.map((file, i) => ({ file: path.resolve(file), sha256: own[i]!.sha256 }));
  while (open.length > 0 && steps.length < MOST_STEPS) {
    const next: typeof open = [];
    for (const { file, sha256 } of open) {
      for (const { step, folder } of await stepsIn(path.dirname(file))) {
        if (known.has(step.sha256) || !step.to.some((one) => one.sha256 === sha256)) continue;
        known.add(step.sha256);
        steps.unshift(step);
        next.push(...step.from.map((one) => ({ file: path.resolve(folder, one.file), sha256: one.sha256 })));
      }
    }
    open = next;
  }
  return { steps, files: own.map((one, i) => ({ ...one, file: path.basename(files[i]!) })) };
}

async function stepsIn(folder: string): Promise<{ readonly step: LineageStep; readonly folder: string }[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  const found: { step: LineageStep; folder: string }[] = [];
  for (const name of names) {
    const file = path.join(folder, name);
    const size = (await stat(file).catch(() => undefined))?.size ?? Infinity;
    if (size > LARGEST_RECORD) continue;
    const text = await readFile(file, 'utf8').catch(() => '');
    const step = stepOf(text, name);
    if (step !== undefined) found.push({ step, folder });
  }
  return found;
}

function stepOf(text: string, name: string): LineageStep | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof record !== 'object' || record === null) return undefined;
  const { step, from, files, written } = record as { readonly step?: unknown; readonly from?: unknown; readonly files?: unknown; readonly written?: unknown };
  if (!Array.isArray(from)) return undefined;
  const inputs = from.filter(isFile);
  const outputs = [written, ...(typeof files === 'object' && files !== null && !Array.isArray(files) ? Object.values(files) : [])].filter(isFile);
  if (inputs.length !== from.length || outputs.length === 0) return undefined;
  const plain = ({ file, bytes, sha256 }: LineageFile): LineageFile => ({ file, bytes, sha256 });
  return { step: typeof step === 'string' ? step : path.basename(name, '.json'), sha256: createHash('sha256').update(text).digest('hex'), from: inputs.map(plain), to: outputs.map(plain) };
}

function isFile(value: unknown): value is LineageFile {
  const { file, bytes, sha256 } = (value ?? {}) as Record<string, unknown>;
  return typeof file === 'string' && typeof bytes === 'number' && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
}
