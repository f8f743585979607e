// What a model says about every row of a data set, through packed batches: the loss of its answers, and for IFD the loss
// of the same answers alone. Resumable: scores are kept as they come.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { fileDigest } from '../../checkpoint/digest.js';
import { WEIGHTS_FILE } from '../../checkpoint/adapter.js';
import type { Session } from '../../engine/types.js';
import { dataError } from '../../errors.js';
import { measure } from '../../eval/measure.js';
import type { RowLoss } from '../../eval/measure.js';
import type { SequenceSet } from '../../pack/plan.js';
import { defaultCacheFolder } from '../../text/encode-cache.js';
import { rowPass, widestBatch } from '../data.js';
import { openParts } from '../open.js';
import type { Limits, Parts, PartsOptions } from '../open.js';
import type { Rows } from '../rows.js';
import { bothWays, hasPrompt } from './alone.js';
import { ScoreFile } from './score-file.js';
import type { RowScore } from './score-file.js';

export interface ScoreOptions extends Pick<Limits, 'device' | 'dtype' | 'threads' | 'signal'> {
  /** Also the loss of answers alone. */
  readonly ifd: boolean;
  /** Most tokens of a batch. @default 2048 */
  readonly batchTokens?: number;
  /** Folder for scores; false: none. @default beside the cache of encoded rows */
  readonly cache?: string | false;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Rows between two times that scores are kept: some seconds of work. */
const CHUNK_BATCHES = 24;

/**
 * Scores all rows in order. A row longer than the context is read in overlapping pieces. `adapter` is the folder that
 * `parts` came with: its weights are part of what the scores are kept under.
 */
export async function scoreRows(parts: Parts, rows: Rows, adapter: PartsOptions['adapter'], options: ScoreOptions): Promise<readonly RowScore[]> {
  const { ifd, batchTokens = 2048, signal, onProgress } = options;
  const anchor = ifd ? anchorOf(parts, rows.set) : undefined;
  const maxLength = parts.model.spec.rope.maxPositions;
  const budget = Math.max(batchTokens, Math.min(maxLength, 8192));
  const key = createHash('sha256').update(JSON.stringify([
    1, parts.model.fingerprint, adapter === undefined ? null : (await fileDigest(path.join(adapter, WEIGHTS_FILE))).sha256, rows.key,
    options.dtype ?? 'f32', anchor ?? null, maxLength,
  ])).digest('hex');
  const folder = options.cache ?? path.join(path.dirname(defaultCacheFolder()), 'scores');
  const kept = folder === false ? undefined : await ScoreFile.open(folder, key);
  const scores: RowScore[] = kept === undefined ? [] : [...kept.scores];
  const total = rows.set.length;
  onProgress?.(scores.length, total);
  if (scores.length >= total) return scores;

  const rest = bothWays(rows.set, anchor, scores.length, total);
  await using opened = await openParts(parts, {
    device: options.device ?? 'auto', dtype: options.dtype ?? 'f32', threads: options.threads ?? 0, ...(signal === undefined ? {} : { signal }),
    maxTokens: budget, maxSequences: widestBatch(rest, { budget, maxLength }),
  });
  while (scores.length < total) {
    const end = chunkEnd(rows.set, scores.length, budget * CHUNK_BATCHES);
    const chunk = await scoreChunk(opened.session, rows.set, { from: scores.length, to: end, anchor, slot: opened.slot, budget, maxLength, signal });
    await kept?.add(chunk);
    scores.push(...chunk);
    onProgress?.(scores.length, total);
  }
  return scores;
}

function chunkEnd(rows: SequenceSet, from: number, tokens: number): number {
  let end = from;
  for (let read = 0; end < rows.length && (read < tokens || end === from); end++) read += rows.lengthOf(end);
  return end;
}

interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly anchor: number | undefined;
  readonly slot: number;
  readonly budget: number;
  readonly maxLength: number;
  readonly signal: AbortSignal | undefined;
}

async function scoreChunk(session: Session, rows: SequenceSet, { from, to, anchor, signal, ...pass }: Chunk): Promise<RowScore[]> {
  const ways = anchor === undefined ? 1 : 2;
  const found = new Map<number, RowLoss>();
  await measure(session, rowPass(bothWays(rows, anchor, from, to), pass), {
    onRow: (row) => found.set(row.row, { ...row }), ...(signal === undefined ? {} : { signal }),
  });
  return Array.from({ length: to - from }, (_, i) => {
    const whole = found.get(ways * i);
    const alone = ways === 2 ? found.get(2 * i + 1) : undefined;
    const { row } = rows.get(from + i);
    if (whole === undefined || whole.weight === 0) return { row, tokens: 0, loss: 0, ...(ways === 2 ? { alone: 0 } : {}) };
    return { row, tokens: whole.tokens, loss: whole.loss / whole.weight, ...(ways === 2 ? { alone: alone!.loss / alone!.weight } : {}) };
  });
}

/** The token that stands for "a text begins". */
function anchorOf({ tokenizer }: Parts, rows: SequenceSet): number {
  let prompts = 0;
  for (let i = 0; i < rows.length && prompts === 0; i++) if (hasPrompt(rows.get(i))) prompts++;
  if (prompts === 0) {
    throw dataError({}, 'expected rows with a prompt and an answer, came rows that are learned from their start: IFD compares an answer ' +
      'with and without its prompt. Select by perplexity instead');
  }
  const anchor = tokenizer.bosId ?? tokenizer.eosId;
  if (anchor === undefined) {
    throw dataError({}, 'expected a tokenizer with a bos or eos token to begin an answer with, came one with neither. Select by perplexity or loss instead');
  }
  return anchor;
}
