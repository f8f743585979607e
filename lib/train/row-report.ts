// What is written about single rows at the end of a run: rows.jsonl (loss at every pass, forgetting events, suspicion)
// and mislabels.jsonl (the rows whose answers most likely are wrong, with their place and content, worst first).

import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { openSource } from '../data/source.js';
import type { TextOptions } from '../data/row.js';
import type { RowSpread } from '../track/events.js';
import { forgettingEvents, passes, rowHistories } from './dynamics.js';
import { Spread } from './spread.js';

/** Most rows in mislabels.jsonl. */
const MOST = 500;

export interface RowReport {
  /** Rows recorded, passes over them, forgetting events in all. */
  readonly rows: number;
  readonly passes: number;
  readonly forgotten: number;
  /** Rows with a forgetting event. */
  readonly forgetful: number;
  /** Rows that are more likely in the group of high losses; 0 unless there are two groups. */
  readonly mislabels: number;
  readonly spread: RowSpread | undefined;
}

/** Two groups are told apart from here on: below, the "second group" is only the harder end of one. */
export const SEPARATED = 2.2;

/** Whether a spread shows a second group of rows that do not fit: far apart, neither a handful nor the most. */
export function showsMislabels(spread: RowSpread | undefined): boolean {
  return spread !== undefined && spread.separation >= SEPARATED && spread.share >= 0.03 && spread.share <= 0.6 && spread.high > 2 * spread.low;
}

/** Undefined when fewer than two passes were recorded. */
export async function reportRows(
  recorded: string, output: string, names: string | readonly string[], text: TextOptions,
): Promise<RowReport | undefined> {
  const steps = passes(recorded).map(({ step }) => step);
  const counted = steps.map((step) => step > 0);
  if (counted.filter(Boolean).length === 0) return undefined;
  const levelOf = (losses: readonly number[]): number => {
    const logs = losses.filter((_, i) => counted[i]).map((loss) => Math.log(Math.max(loss, 1e-4)));
    return Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length);
  };
  const spread = new Spread();
  for await (const { losses } of rowHistories(recorded)) spread.add(levelOf(losses));
  const found = spread.result();
  const limit = showsMislabels(found) ? Math.sqrt(found!.low * found!.high) : Infinity;

  const out = createWriteStream(join(output, 'rows.jsonl'));
  let worst: { row: number; level: number; losses: readonly number[] }[] = [];
  const total = { rows: 0, forgotten: 0, forgetful: 0, mislabels: 0 };
  for await (const { row, losses, right } of rowHistories(recorded)) {
    const level = levelOf(losses);
    const forgotten = forgettingEvents(right.filter((_, i) => counted[i]));
    total.rows++;
    total.forgotten += forgotten;
    if (forgotten > 0) total.forgetful++;
    if (level > limit) total.mislabels++;
    const line = { row: row + 1, losses: losses.map(short), right: right.map(short), level: short(level), forgotten, suspect: level > limit };
    if (!out.write(`${JSON.stringify(line)}\n`)) await new Promise((resolve) => out.once('drain', () => resolve(undefined)));
    if (level > limit) worst.push({ row, level, losses });
    if (worst.length > 4 * MOST) worst = worst.sort((a, b) => b.level - a.level).slice(0, MOST);
  }
  await finished(out.end());
  worst = worst.sort((a, b) => b.level - a.level).slice(0, MOST);
  const places = await contentOf(new Set(worst.map(({ row }) => row)), names, text);
  await writeFile(join(output, 'mislabels.jsonl'), worst.map(({ row, level, losses }) =>
    `${JSON.stringify({ row: row + 1, ...places.get(row), level: short(level), steps, losses: losses.map(short) })}\n`).join(''));
  return { ...total, passes: steps.length, spread: found };
}

/** File, line and content of some rows, by one pass over the raw rows. */
async function contentOf(wanted: ReadonlySet<number>, names: string | readonly string[], text: TextOptions) {
  const places = new Map<number, { readonly file: string; readonly line: number; readonly content: unknown }>();
  if (wanted.size === 0) return places;
  const source = await openSource(names, text);
  for await (const rows of source.batches()) {
    for (const { index, file, row, value } of rows) if (wanted.has(index)) places.set(index, { file, line: row, content: value });
    if (places.size === wanted.size) break;
  }
  return places;
}

const short = (value: number): number => Number(value.toPrecision(5));
