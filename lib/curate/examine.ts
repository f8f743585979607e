// One pass over all rows: what stays, what goes and why. Rows stream past; of each there remain some 40 bytes, and its signature when
// near duplicates are looked for. Goes on where it stopped when it is given a folder for that.
import { createHash } from 'node:crypto';
import { appendFile, mkdir, open, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Detection } from '../data/formats/format.js';
import type { TextOptions } from '../data/row.js';
import { SOURCE_START } from '../data/source.js';
import type { SourcePosition } from '../data/source.js';
import { TextTokenizer } from '../text/tokenizer.js';
import { contaminationIndex, learnCommonOf } from './contamination-index.js';
import type { CurateConfig } from './curate-config.js';
import { Decisions } from './decisions.js';
import type { Decontaminator } from './decontaminate.js';
import { Figures } from './figures.js';
import type { FiguresReport } from './figures.js';
import { Judge } from './judge.js';
import type { Judged, Reading } from './judge.js';
import { Meters } from './measures.js';
import type { Measures } from './measures.js';
import { minHashOptions } from './minhash-options.js';
import { native } from './native.js';
import { clustersOf } from './near-duplicates.js';
import { promptText } from './record-text.js';
import { applyBudget, removeExact, removeNear } from './remove.js';
import { Signatures } from './signatures.js';
import { readUnits, treesOf } from './thread-rows.js';

export interface ExamineOptions extends TextOptions, Reading {
  readonly signal?: AbortSignal | undefined;
  readonly threads?: number | undefined;
  /** Measure what stays as well. */
  readonly measure?: boolean | undefined;
  /** Whose tokens are counted; absent: that of the config. */
  readonly tokenizer?: TextTokenizer | undefined;
  /** With measure: the field that says where a row is from. */
  readonly sourceField?: string | undefined;
  /** Folder for the state: an interrupted examination of the same files and config goes on from there. */
  readonly state?: string | undefined;
  readonly onProgress?: ((stage: 'read' | 'compare' | 'write', done: number, total?: number) => void) | undefined;
}

export interface Example {
  readonly reason: string;
  readonly file: string;
  readonly row: number;
  readonly detail?: unknown;
}

export interface Examination {
  readonly files: readonly string[];
  readonly decisions: Decisions;
  readonly detection: Detection | undefined;
  /** Set where rows are threads of message trees. */
  readonly trees: Detection | undefined;
  /** The first rows of each reason that has to do with a row alone. */
  readonly examples: readonly Example[];
  readonly measures?: Measures;
  readonly figures?: FiguresReport;
  /** Rows of evaluation sets that were looked for, and those too short to be found. */
  readonly evaluation?: { readonly rows: number; readonly tooShort: number };
  /** Rows that an earlier run had examined. */
  readonly resumedFrom: number;
}

interface State {
  readonly key: string;
  readonly position: SourcePosition;
  readonly findings: number;
  readonly detection?: Detection;
}

const SAVE_EVERY_MS = 15_000;
const EXAMPLES = 3;

export async function examine(files: readonly string[], config: CurateConfig, options: ExamineOptions = {}): Promise<Examination> {
  const { signal, threads, state: folder, onProgress } = options;
  const tokenizer = options.tokenizer ?? (config.tokenizer === undefined ? undefined : await TextTokenizer.load(config.tokenizer));
  const countTokens = tokenizer && ((text: string): number => tokenizer.encode(text).length);
  const index = config.decontaminate === false ? undefined : await evaluationIndex(config.decontaminate, files, options);
  const trees = await treesOf(files, options.format, options);
  const judge = new Judge(config, files, trees === undefined ? options : {}, { index, countTokens });
  const signatures = config.near === false ? undefined
    : new Signatures(minHashOptions(config.near.preset, config.near.threshold === undefined ? {} : { threshold: config.near.threshold }));
  const key = folder === undefined ? '' : await identity(files, config, options);
  const saved = folder === undefined || options.measure === true ? undefined : await Decisions.load<State>(folder, key);
  const decisions = saved?.decisions ?? new Decisions();
  const signed: number[] = [];
  if (saved !== undefined && signatures !== undefined) {
    // The rows that were signed are those that were kept; their numbers follow from the decisions.
    for (let row = 0; row < decisions.count; row++) if (decisions.isKept(row)) signed.push(row);
    await signatures.load(folder!, signed.length);
  }
  judge.detection = saved?.state.detection;
  const findings = folder === undefined ? undefined : await FindingsFile.open(join(folder, 'findings.jsonl'), saved?.state.findings ?? 0);
  const meters = options.measure === true ? new Meters() : undefined;
  const figures = options.measure === true ? new Figures({ countTokens, sourceField: options.sourceField }) : undefined;
  const examples: Example[] = [];
  const shown = new Map<string, number>();
  let last = performance.now();
  let bytes = 0;
  for await (const { rows, after } of readUnits(files, trees, saved?.state.position ?? SOURCE_START, options)) {
    signal?.throwIfAborted();
    const judged = await judge.batch(rows, signal);
    const first = decisions.count;
    decisions.grow(first + rows.length);
    await hashes(decisions, first, judged, config.exact, signal);
    const texts: string[] = [];
    for (const [at, one] of judged.entries()) {
      const row = first + at;
      bytes += rows[at]!.raw.length + 1;
      decisions.columns.score[row] = one.score;
      decisions.columns.characters[row] = one.text.length;
      decisions.columns.words[row] = one.words;
      decisions.columns.tokens[row] = one.tokens;
      if (one.reason === '') {
        meters?.add(one.text, promptText(one.record!));
        figures?.add(one.record!, rows[at]!.value!, files[rows[at]!.file]!, one.tokens);
        if (signatures !== undefined) {
          texts.push(one.text);
          signed.push(row);
        }
        continue;
      }
      decisions.remove(row, one.reason);
      if (one.detail !== undefined) findings?.add({ index: row, detail: one.detail });
      const seen = shown.get(one.reason) ?? 0;
      shown.set(one.reason, seen + 1);
      if (seen < EXAMPLES) {
        examples.push({ reason: one.reason, file: files[rows[at]!.file]!, row: rows[at]!.row, ...(one.detail === undefined ? {} : { detail: one.detail }) });
      }
    }
    await signatures?.add(texts, { signal, threads });
    await findings?.flush();
    onProgress?.('read', bytes);
    if (folder !== undefined && performance.now() - last > SAVE_EVERY_MS) {
      await save(folder, key, decisions, signatures, findings!, after, judge.detection);
      last = performance.now();
    }
  }
  await findings?.flush();
  if (config.exact) removeExact(decisions, config.keep);
  if (signatures !== undefined) {
    const { cluster } = await clustersOf(signatures, { signal, threads, onProgress: (_stage, done, total) => onProgress?.('compare', done, total) });
    removeNear(decisions, signed, cluster, config.keep);
  }
  applyBudget(decisions, config.budget);
  return {
    files, decisions, trees, detection: trees ?? judge.detection, examples, resumedFrom: saved?.state.position.index ?? 0,
    ...(meters === undefined ? {} : { measures: meters.result() }), ...(figures === undefined ? {} : { figures: figures.result() }),
    ...(index === undefined ? {} : { evaluation: { rows: index.rows, tooShort: index.tooShort } }),
  };
}

async function evaluationIndex({ against, mode }: Exclude<CurateConfig['decontaminate'], false>, files: readonly string[], { format, fields, roles, textSplit }: ExamineOptions): Promise<Decontaminator> {
  const index = await contaminationIndex(against, { mode });
  await learnCommonOf(index, files, {
    ...(format === undefined ? {} : { format }), ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }), ...(textSplit === undefined ? {} : { textSplit }),
  });
  return index;
}

async function hashes(decisions: Decisions, first: number, judged: readonly Judged[], exact: boolean, signal?: AbortSignal): Promise<void> {
  if (!exact) return;
  const out = new BigUint64Array(judged.length * 2);
  await native(signal, (addon) => addon.textHashes(judged.map(({ text }) => text.normalize('NFC')), out));
  const { hash, second } = decisions.columns;
  for (let at = 0; at < judged.length; at++) {
    hash[first + at] = out[2 * at]!;
    second[first + at] = out[2 * at + 1]!;
  }
}

async function save(
  folder: string, key: string, decisions: Decisions, signatures: Signatures | undefined, findings: FindingsFile, position: SourcePosition,
  detection: Detection | undefined,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await findings.flush();
  await signatures?.save(folder);
  await decisions.save(folder, { key, position, findings: findings.bytes, ...(detection === undefined ? {} : { detection }) });
}

/** Same files (name, size, time of change), same config: the same examination. */
async function identity(files: readonly string[], config: CurateConfig, options: ExamineOptions): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([config, options.format, options.fields, options.roles, options.textSplit]));
  for (const file of files) {
    const { size, mtimeMs } = await stat(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\0`);
  }
  return hash.digest('hex');
}

/** Details of rows that go, in order, for the file of removed rows. */
class FindingsFile {
  #lines: string[] = [];

  private constructor(readonly path: string, public bytes: number) {}

  static async open(path: string, bytes: number): Promise<FindingsFile> {
    await mkdir(join(path, '..'), { recursive: true });
    if (bytes === 0) await writeFile(path, '');
    else await truncate(path, bytes);
    await (await open(path, 'a')).close();
    return new FindingsFile(path, bytes);
  }

  add(finding: object): void {
    this.#lines.push(`${JSON.stringify(finding)}\n`);
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    await appendFile(this.path, text);
    this.bytes += Buffer.byteLength(text);
  }
}
