// Which set the next rows come from: shares by weight, size, budget or a schedule, met by always taking from the set that
// is owed most. Every choice follows from a few numbers per set, so a run can be left and taken up anywhere.

export interface MixShape {
  readonly name: string;
  /** Rows. */
  readonly length: number;
  /** Relative; absent: the number of rows, or the budget. */
  readonly share?: number;
  /** With mode 'budget': tokens to take of it. */
  readonly tokens?: number;
  /** Tokens of a row, about; used until rows have been drawn. */
  readonly meanTokens?: number;
}

export interface MixRules {
  /** 'union': every row once an epoch. 'weighted': by share, for ever. 'budget': `tokens` of each set, then the end. */
  readonly mode: 'union' | 'weighted' | 'budget';
  /** What shares are shares of. Default 'tokens'. */
  readonly by?: 'tokens' | 'rows';
  /** Shares to the power of 1 / temperature. Default 1. */
  readonly temperature?: number;
  /** Shares by name from an update on, with straight lines between; only 'weighted'. */
  readonly curriculum?: readonly { readonly step: number; readonly shares: Readonly<Record<string, number>> }[];
}

/** The shares of the sets after so many updates: not negative, 1 in all. */
export function sharesAt(sets: readonly MixShape[], rules: MixRules, step: number): number[] {
  const { mode, temperature = 1, curriculum } = rules;
  if (mode === 'weighted' && curriculum !== undefined && curriculum.length > 0) {
    const points = [...curriculum].sort((a, b) => a.step - b.step);
    const next = points.findIndex((point) => point.step > step);
    const after = points[next === -1 ? points.length - 1 : next] as (typeof points)[number];
    const before = points[next === -1 ? points.length - 1 : Math.max(0, next - 1)] as (typeof points)[number];
    const way = after.step === before.step ? 0 : Math.min(1, Math.max(0, (step - before.step) / (after.step - before.step)));
    const [from, to] = [before, after].map(({ shares }) => normal(sets.map(({ name }) => shares[name] ?? 0), temperature));
    return sets.map((_, i) => (from?.[i] as number) * (1 - way) + (to?.[i] as number) * way);
  }
  const sizes = sets.map(({ length, share, tokens }) => (mode === 'budget' ? (tokens ?? 0) : mode === 'union' ? length : (share ?? length)));
  return normal(sizes, mode === 'weighted' ? temperature : 1);
}

function normal(sizes: readonly number[], temperature: number): number[] {
  const powers = sizes.map((size) => (size <= 0 ? 0 : size ** (1 / temperature)));
  const sum = powers.reduce((all, power) => all + power, 0);
  if (!(sum > 0)) throw new RangeError('expected at least one set with a share above 0');
  return powers.map((power) => power / sum);
}

/** What has been taken of each set so far: plain numbers, kept in checkpoints. */
export interface MixState {
  /** Rows drawn, those that could not be used included. */
  readonly drawn: readonly number[];
  /** Tokens (of all rows drawn). */
  readonly tokens: readonly number[];
  /** What each set is owed, in tokens or rows: its share of everything so far, less what it gave. */
  readonly owed: readonly number[];
}

export const mixStart = (sets: readonly unknown[]): MixState => ({
  drawn: sets.map(() => 0), tokens: sets.map(() => 0), owed: sets.map(() => 0),
});

/** Tokens of a row as long as nothing is known of a set. */
const USUAL_TOKENS = 256;

/**
 * The sets of the next `count` rows, one number a row; fewer when budgets or the epoch are used up. Lengths of rows are
 * estimated by what a set gave so far, and put right by {@link settle}.
 */
export function drawSets(sets: readonly MixShape[], rules: MixRules, state: MixState, step: number, count: number): number[] {
  const shares = sharesAt(sets, rules, step);
  const sizes = sets.map((_, i) => meanTokens(sets, state, i));
  const unit = rules.by === 'rows' ? sets.map(() => 1) : sizes;
  const owed = [...state.owed];
  const tokens = [...state.tokens];
  const drawn = [...state.drawn];
  const picked: number[] = [];
  while (picked.length < count) {
    let best = -1;
    for (let i = 0; i < sets.length; i++) {
      const { length, tokens: budget = 0 } = sets[i] as MixShape;
      const over = length === 0 || (shares[i] as number) <= 0 || (rules.mode === 'budget' && (tokens[i] as number) >= budget);
      if (!over && (best === -1 || (owed[i] as number) / (shares[i] as number) > (owed[best] as number) / (shares[best] as number))) best = i;
    }
    if (best === -1) break;
    picked.push(best);
    const size = unit[best] as number;
    for (let i = 0; i < sets.length; i++) owed[i] = (owed[i] as number) + size * (shares[i] as number);
    owed[best] = (owed[best] as number) - size;
    tokens[best] = (tokens[best] as number) + (sizes[best] as number);
    drawn[best] = (drawn[best] as number) + 1;
  }
  return picked;
}

/** The state after rows of known lengths were drawn. */
export function settle(sets: readonly MixShape[], rules: MixRules, state: MixState, step: number, rows: readonly { readonly set: number; readonly tokens: number }[]): MixState {
  const shares = sharesAt(sets, rules, step);
  const [drawn, tokens, owed] = [[...state.drawn], [...state.tokens], [...state.owed]];
  let total = 0;
  for (const row of rows) {
    const size = rules.by === 'rows' ? 1 : row.tokens;
    drawn[row.set] = (drawn[row.set] as number) + 1;
    tokens[row.set] = (tokens[row.set] as number) + row.tokens;
    owed[row.set] = (owed[row.set] as number) - size;
    total += size;
  }
  return { drawn, tokens, owed: owed.map((debt, i) => debt + total * (shares[i] as number)) };
}

/** Tokens of a row of a set, by what it gave so far. */
export function meanTokens(sets: readonly MixShape[], state: MixState, set: number): number {
  const drawn = state.drawn[set] as number;
  return drawn === 0 ? (sets[set]?.meanTokens ?? USUAL_TOKENS) : Math.max(1, (state.tokens[set] as number) / drawn);
}
