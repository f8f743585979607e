// Takes out rows by what they are beside others: exact and near duplicates, and what does not fit into a budget.
import type { CurateConfig } from './curate-config.js';
import type { Decisions } from './decisions.js';
import { KeyIndex } from './key64.js';

/** Equal texts: the best row stays, or the first. */
export function removeExact(decisions: Decisions, keep: 'best' | 'first'): void {
  const { hash, second, score } = decisions.columns;
  const index = new KeyIndex();
  /** For the first row of each text the row that stays. */
  const stays = new Map<number, number>();
  for (let row = 0; row < decisions.count; row++) {
    if (!decisions.isKept(row)) continue;
    const high = Number(hash[row]! >> 32n);
    const first = index.add({ high, low: Number(hash[row]! & 0xffffffffn) }, row);
    if (first === row || second[first] !== second[row]) continue;
    const best = stays.get(first) ?? first;
    const better = keep === 'best' && score[row]! > score[best]!;
    decisions.remove(better ? best : row, 'exact-duplicates: same text', better ? row : best);
    if (better) stays.set(first, row);
  }
}

/** Clusters over the rows that were signed; `signed` holds their numbers. */
export function removeNear(decisions: Decisions, signed: readonly number[], cluster: Int32Array, keep: 'best' | 'first'): void {
  const { score } = decisions.columns;
  const best = new Map<number, number>();
  for (const [at, row] of signed.entries()) {
    if (!decisions.isKept(row)) continue;
    const known = best.get(cluster[at]!);
    if (known === undefined || (keep === 'best' && score[row]! > score[known]!)) best.set(cluster[at]!, row);
  }
  for (const [at, row] of signed.entries()) {
    const stays = best.get(cluster[at]!);
    if (stays !== undefined && stays !== row) decisions.remove(row, 'near-duplicates: same shingles', stays);
  }
}

/** Keeps the best rows that fit, of equal ones the first. */
export function applyBudget(decisions: Decisions, budget: CurateConfig['budget']): void {
  const limits = { rows: budget.rows ?? Infinity, characters: budget.characters ?? Infinity, words: budget.words ?? Infinity, tokens: budget.tokens ?? Infinity };
  if (Object.values(limits).every((limit) => limit === Infinity)) return;
  const { score, characters, words, tokens } = decisions.columns;
  const kept: number[] = [];
  for (let row = 0; row < decisions.count; row++) if (decisions.isKept(row)) kept.push(row);
  kept.sort((a, b) => score[b]! - score[a]! || a - b);
  const used = { rows: 0, characters: 0, words: 0, tokens: 0 };
  for (const row of kept) {
    if (used.rows + 1 > limits.rows || used.characters + characters[row]! > limits.characters || used.words + words[row]! > limits.words ||
      used.tokens + tokens[row]! > limits.tokens) {
      decisions.remove(row, 'budget: does not fit');
      continue;
    }
    used.rows++;
    used.characters += characters[row]!;
    used.words += words[row]!;
    used.tokens += tokens[row]!;
  }
}
