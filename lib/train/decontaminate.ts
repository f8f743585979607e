// Training rows that hold text of an evaluation set are left out before the run, and kept in contaminated.jsonl with both texts
// (those of a sealed test set with their own, since nobody may read the other).
// The text of a row is what the model would read of it: its tokens, decoded.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { contaminationIndex, LEARNED_FROM } from '../curate/contamination-index.js';
import type { EvaluationSet } from '../curate/contamination-index.js';
import type { DecontaminationMode } from '../curate/decontaminate.js';
import { RunPrints } from '../curate/run-prints.js';
import { EngineError } from '../errors.js';
import type { SequenceSet } from '../pack/plan.js';
import { Subset } from './probe.js';
import type { Parts } from './open.js';
import type { Rows } from './rows.js';
import type { StageContext } from './run.js';
import type { Config } from './config/schema.js';
import { readSeal, SEALED } from '../eval/sealed.js';

export interface DecontaminateRowsOptions {
  /** Evaluation sets: files, folders, patterns, and how they are read. */
  readonly against: readonly (string | EvaluationSet)[];
  readonly mode: DecontaminationMode;
  /** A sealed test set, of which only fingerprints are known. */
  readonly sealed?: { readonly file: string; readonly prints: RunPrints } | undefined;
  /** Leave the rows out, or only report them. */
  readonly action: 'remove' | 'report';
  /** Where the rows are written. */
  readonly file: string;
  readonly decode: (tokens: Int32Array) => string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((rows: number, of: number) => void) | undefined;
}

export interface Decontaminated {
  readonly rows: Rows;
  /** Sequences that hold evaluation text. */
  readonly found: number;
  /** For the user, in a sentence. */
  readonly message: string;
}

/** The evaluation sets that a configuration names: validation and test rows, and those of data.decontaminate. */
export function evaluationSets({ data }: Config): readonly (string | EvaluationSet)[] {
  const { valid, test, format, fields, roles, textSplit, decontaminate: { against = [] } } = data;
  const reading = { format, ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }), ...(textSplit === undefined ? {} : { textSplit }) };
  const own = [valid ?? [], test === undefined || SEALED.test(test) ? [] : test].flat();
  return [...(own.length === 0 ? [] : [{ files: own, reading }]), ...[against].flat()];
}

const SEQUENCES_A_TURN = 64;

export async function decontaminateRows(rows: Rows, options: DecontaminateRowsOptions): Promise<Decontaminated> {
  const { against, mode, sealed, action, file, decode, signal } = options;
  const index = await contaminationIndex(against, { mode });
  const kept: number[] = [];
  const lines: string[] = [];
  const { set } = rows;
  for (const { begin, end } of rows.parts) {
    const step = Math.max(1, Math.floor((end - begin) / LEARNED_FROM));
    const some = Array.from({ length: Math.floor((end - begin) / step) }, (_, i) => decode(set.get(begin + i * step).tokens));
    index.learnCommon(some);
    sealed?.prints.learnCommon(some);
  }
  for (let at = 0; at < set.length; at++) {
    const { tokens, row } = set.get(at);
    const text = decode(tokens);
    const hit = index.check(text);
    if (hit !== undefined) lines.push(`${JSON.stringify({ ...hit, evaluationRow: hit.row, row, training: text })}\n`);
    else if (sealed?.prints.holds(text) === true) lines.push(`${JSON.stringify({ set: sealed.file, row, training: text })}\n`);
    else kept.push(at);
    if (at % SEQUENCES_A_TURN !== SEQUENCES_A_TURN - 1) continue;
    signal?.throwIfAborted();
    options.onProgress?.(at + 1, set.length);
    await turn();
  }
  const names = [...against.flatMap((one) => (typeof one === 'string' ? one : one.files)), ...(sealed === undefined ? [] : [`${sealed.file} (sealed: by fingerprints)`])];
  const sets = `${index.rows === 0 ? '' : `${index.rows} `}evaluation rows of ${names.join(', ')}${index.tooShort === 0 ? '' : `, ${index.tooShort} of them too short to be found`}`;
  if (lines.length === 0) return { rows, found: 0, message: `decontamination (${mode}): no training row holds text of ${sets}` };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, lines.join(''));
  const counted = `decontamination (${mode}): ${lines.length} of ${set.length} training rows hold text of ${sets}`;
  if (action === 'report') return { rows, found: lines.length, message: `${counted}. They are learned all the same (data.decontaminate.action: report); see ${file}` };
  if (kept.length === 0) {
    throw new EngineError(`${counted}: none is left to learn. Take the evaluation rows out of them, or say data.decontaminate.action: report; see ${file}`,
      { code: 'ERR_DATA', file });
  }
  return { rows: only(rows, Int32Array.from(kept)), found: lines.length, message: `${counted}. They are left out, and lie in ${file} with both texts` };
}

/** Training rows without those that hold text of an evaluation set which the configuration names. */
export async function withoutEvaluationText<R extends Rows>(
  rows: R, parts: Parts, config: Config, signal: AbortSignal, emit: StageContext['emit'], notes: string[],
): Promise<R | Rows> {
  const { against: asked, mode, action } = config.data.decontaminate;
  const against = evaluationSets(config);
  const { test } = config.data;
  const sealed = test !== undefined && SEALED.test(test) ? await sealedPrints(test) : undefined;
  if (action === 'off' || (against.length === 0 && sealed === undefined)) return rows;
  if (config.data.streaming) {
    const message = 'rows that are streamed are not searched for evaluation text. Clean the files first: whetstone data clean FILES --against FILES --output DIR';
    if (asked !== undefined) throw new EngineError(`data.decontaminate: ${message}`, { code: 'ERR_CONFIG', key: 'data.decontaminate' });
    emit({ type: 'warning', message });
    return rows;
  }
  const { rows: left, found, message } = await decontaminateRows(rows, {
    against, mode, sealed, action, file: join(config.output, 'contaminated.jsonl'),
    decode: (tokens) => parts.tokenizer.decode(tokens), signal,
    onProgress: (done, total) => emit({ type: 'phase', phase: 'data', message: 'looking for evaluation text', done, total }),
  });
  if (found === 0) notes.push(message);
  else emit({ type: 'warning', message });
  return left;
}

export async function sealedPrints(file: string): Promise<NonNullable<DecontaminateRowsOptions['sealed']>> {
  const { runs, salt } = await readSeal(file);
  return { file, prints: new RunPrints(runs, salt) };
}

/** The rows at these places, each part with what is left of it. */
function only(rows: Rows, indices: Int32Array): Rows {
  const before = (place: number): number => {
    let low = 0;
    let high = indices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (indices[middle]! < place) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const set: SequenceSet = new Subset(rows.set, indices);
  return {
    ...rows,
    set,
    parts: rows.parts.map((part) => ({ ...part, begin: before(part.begin), end: before(part.end) })),
    key: `${rows.key}/decontaminated/${indices.length}`,
    close: () => rows.close(),
  };
}
