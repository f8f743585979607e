// Numbers of a JSON schema as expressions: ranges of whole numbers and of decimals digit by digit, and multiples.

import { call, chars, either, EMPTY, literal, optional, repeat, sequence } from './expression.js';
import type { Expression } from './expression.js';
import { parseRegex } from './regex.js';

const digit = chars([[0x30, 0x39]]);
/**
 * Before and after the point. Decimals with so many digits in all are different doubles, so that a bound or a multiple
 * holds for what is read back too.
 */
const MOST_DIGITS = 15;
const MOST = 10n ** BigInt(MOST_DIGITS) - 1n;

export const anyInteger = parseRegex(`-?(0|[1-9][0-9]{0,${MOST_DIGITS - 1}})`);
export const anyNumber = sequence(anyInteger, optional(sequence(literal('.'), repeat(digit, 1, MOST_DIGITS))), optional(parseRegex('[eE][+-]?[0-9]{1,2}')));

/** Both ends may be open; absent: none (then up to 15 digits). */
export interface NumberRange {
  readonly low?: number;
  readonly high?: number;
  readonly lowOpen?: boolean;
  readonly highOpen?: boolean;
}

/** Whole numbers in a range; undefined where there is none. */
export function integersIn(range: NumberRange): Expression | undefined {
  const [from, to] = wholeBounds(range);
  const parts: Expression[] = [];
  if (from < 0n) parts.push(sequence(literal('-'), naturals(to < 0n ? -to : 1n, -from)));
  if (to >= 0n) parts.push(naturals(from > 0n ? from : 0n, to));
  return from > to ? undefined : either(...parts);
}

function wholeBounds({ low = -Infinity, high = Infinity, lowOpen, highOpen }: NumberRange): readonly [bigint, bigint] {
  const from = lowOpen && Number.isInteger(low) ? low + 1 : Math.ceil(low);
  const to = highOpen && Number.isInteger(high) ? high - 1 : Math.floor(high);
  return [from === -Infinity ? -MOST : BigInt(from), to === Infinity ? MOST : BigInt(to)];
}

/** Splits at lengths, then digit by digit: 17 to 342 is 1[7-9], [2-9]\d, [12]\d\d, 3[0-3]\d, 34[0-2]. */
function naturals(low: bigint, high: bigint): Expression {
  const parts: Expression[] = [];
  for (let from = low; from <= high;) {
    const length = from.toString().length;
    const end = 10n ** BigInt(length) - 1n;
    parts.push(sameLength(from.toString(), (high < end ? high : end).toString()));
    from = end + 1n;
  }
  return either(...parts);
}

function sameLength(low: string, high: string): Expression {
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(digit, low.length, low.length);
  const [a, b] = [low.charCodeAt(0), high.charCodeAt(0)];
  const rest = low.length - 1;
  const one = (from: number, to: number, tail: Expression): Expression => sequence(chars([[from, to]]), tail);
  if (a === b) return one(a, a, sameLength(low.slice(1), high.slice(1)));
  const parts = [one(a, a, sameLength(low.slice(1), '9'.repeat(rest))), one(b, b, sameLength('0'.repeat(rest), high.slice(1)))];
  if (b - a > 1) parts.push(one(a + 1, b - 1, repeat(digit, rest, rest)));
  return either(...parts);
}

/** A bound without its sign: whole part and digits after the point, without zeros at the end. */
interface Bound {
  readonly whole: bigint;
  readonly digits: string;
  readonly open: boolean;
}

/** Decimals in a range, without exponents; `places`: most digits after the point. Undefined where there is none. */
export function numbersIn({ low, high, lowOpen = false, highOpen = false }: NumberRange, places = MOST_DIGITS): Expression | undefined {
  const zero: Bound = { whole: 0n, digits: '', open: false };
  const parts = [
    // Below nought: the same above it, turned round; -0 is not written.
    low === undefined || low < 0 ? negative(between(high === undefined || high >= 0 ? { ...zero, open: true } : bound(-high, highOpen), low === undefined ? undefined : bound(-low, lowOpen), places)) : undefined,
    high === undefined || high >= 0 ? between(low === undefined || low < 0 ? zero : bound(low, lowOpen), high === undefined ? undefined : bound(high, highOpen), places) : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : either(...parts);
}

const negative = (part: Expression | undefined): Expression | undefined => part && sequence(literal('-'), part);

function bound(value: number, open: boolean): Bound {
  const [whole, digits = ''] = plain(value).split('.') as [string, string?];
  return { whole: BigInt(whole), digits, open };
}

/** A number of at most 15 whole digits without an exponent. */
function plain(value: number): string {
  const text = String(value);
  const [, digits, power] = /^([\d.]+)e-(\d+)$/.exec(text) ?? [];
  return digits === undefined ? text : `0.${'0'.repeat(Number(power) - 1)}${digits.replace('.', '')}`;
}

function between(low: Bound, high: Bound | undefined, places: number): Expression | undefined {
  const parts: Expression[] = [];
  const add = (whole: Expression, fraction: Expression | undefined): void => { if (fraction !== undefined) parts.push(sequence(whole, fraction)); };
  const edge = (whole: bigint, from: Bound | undefined, to: Bound | undefined): void =>
    add(literal(String(whole)), fraction(from, to, Math.min(places, Math.max(0, MOST_DIGITS - String(whole).length))));
  if (high !== undefined && low.whole === high.whole) edge(low.whole, low, high);
  else {
    const [first, last] = [low.whole + 1n, high === undefined ? MOST : high.whole - 1n];
    edge(low.whole, low, undefined);
    // Fewer digits below an end, so that none of them is read back as the end itself.
    const inside = high === undefined ? places : Math.min(places, Math.max(0, MOST_DIGITS - String(last).length));
    if (first <= last) add(naturals(first, last), fraction(undefined, undefined, inside));
    if (high !== undefined && high.whole > low.whole) edge(high.whole, undefined, high);
  }
  return parts.length === 0 ? undefined : either(...parts);
}

/** What may stand after a whole part: nothing, or a point and digits. */
function fraction(low: Bound | undefined, high: Bound | undefined, places: number): Expression | undefined {
  const from = low && { digits: low.digits, open: low.open };
  const to = high && { digits: high.digits, open: high.open };
  const digits = places === 0 ? undefined : digitsIn(from, to, places);
  const point = digits && sequence(literal('.'), digits);
  if (!mayEnd(from, to)) return point;
  return point === undefined ? EMPTY : optional(point);
}

type Edge = Pick<Bound, 'digits' | 'open'> | undefined;

/** Zeros from here on are inside the bounds. */
function mayEnd(low: Edge, high: Edge): boolean {
  return (low === undefined || (low.digits === '' && !low.open)) && (high === undefined || high.digits !== '' || !high.open);
}

/** At least one more digit, `left` at most; undefined where no digits are inside. */
function digitsIn(low: Edge, high: Edge, left: number): Expression | undefined {
  if (low === undefined && high === undefined) return repeat(digit, 1, left);
  const [least, most] = [low === undefined ? 0 : Number(low.digits[0] ?? 0), high === undefined ? 9 : Number(high.digits[0] ?? 0)];
  const parts: Expression[] = [];
  const add = (from: number, to: number, nextLow: Edge, nextHigh: Edge): void => {
    const more = left === 1 ? undefined : digitsIn(nextLow, nextHigh, left - 1);
    const tail = !mayEnd(nextLow, nextHigh) ? more : more === undefined ? EMPTY : optional(more);
    if (from <= to && tail !== undefined) parts.push(sequence(chars([[0x30 + from, 0x30 + to]]), tail));
  };
  const rest = (edge: Edge): Edge => edge && { ...edge, digits: edge.digits.slice(1) };
  if (low !== undefined && high !== undefined && least === most) add(least, least, rest(low), rest(high));
  else {
    if (low !== undefined) add(least, least, rest(low), undefined);
    if (high !== undefined) add(most, most, undefined, rest(high));
    add(low === undefined ? least : least + 1, high === undefined ? most : most - 1, undefined, undefined);
  }
  return parts.length === 0 ? undefined : either(...parts);
}

const MOST_VALUES = 10_000;
const MOST_REMAINDERS = 1000;

/**
 * Multiples of a whole number: written out where both ends are given and there are at most 10,000, else by the remainder
 * after every digit (`rules` takes these), which needs a bound of nought or none. Undefined where neither will do.
 */
export function multiplesOf(step: number, range: NumberRange, rules: Map<string, Expression>): Expression | undefined {
  const [from, to] = wholeBounds(range);
  const by = BigInt(step);
  const first = ((from >= 0n ? from + by - 1n : from) / by) * by;
  if ((to - first) / by < BigInt(MOST_VALUES)) {
    const values: Expression[] = [];
    for (let value = first; value <= to; value += by) values.push(literal(String(value)));
    return values.length === 0 ? undefined : either(...values);
  }
  if (step > MOST_REMAINDERS || (from !== -MOST && from !== 0n && from !== 1n) || to !== MOST) return undefined;
  const positive = remainders(step, rules);
  const parts = from === 1n ? [positive] : [literal('0'), positive];
  return either(...parts, ...(from < 0n ? [sequence(literal('-'), positive)] : []));
}

/** The first digit, then a rule for each remainder and number of digits that may follow. */
function remainders(step: number, rules: Map<string, Expression>): Expression {
  const rule = (remainder: number, left: number): string => `(${remainder} of ${step}, ${left} left)`;
  const following = (low: number, remainder: number, left: number): Expression | undefined => {
    const ways = Array.from({ length: 10 - low }, (_, i) => ({ value: low + i, next: rule((remainder * 10 + low + i) % step, left - 1) })).filter(({ next }) => rules.has(next));
    return ways.length === 0 ? undefined : either(...ways.map(({ value, next }) => sequence(literal(String(value)), call(next))));
  };
  // What can never become nought again has no rule, and nothing leads there.
  for (let left = 0; left < MOST_DIGITS; left++) {
    for (let remainder = 0; remainder < step; remainder++) {
      const more = left === 0 ? undefined : following(0, remainder, left);
      if (remainder === 0) rules.set(rule(remainder, left), more === undefined ? EMPTY : optional(more));
      else if (more !== undefined) rules.set(rule(remainder, left), more);
    }
  }
  return following(1, 0, MOST_DIGITS)!;
}
