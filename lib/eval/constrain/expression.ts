// The tree that regular expressions, choices and JSON schemas become: what texts are allowed, over Unicode characters.
// Rules may call each other and themselves, so nested JSON can be said too.

/** Inclusive ranges of code points, sorted, apart from each other. */
export type Ranges = readonly (readonly [from: number, to: number])[];

export type Expression =
  | { readonly kind: 'chars'; readonly ranges: Ranges }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'either'; readonly parts: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly part: Expression; readonly min: number; readonly max: number }
  | { readonly kind: 'call'; readonly rule: string };

export interface Grammar {
  readonly start: Expression;
  readonly rules: ReadonlyMap<string, Expression>;
}

export const LAST = 0x10ffff;
const SURROGATES: Ranges = [[0xd800, 0xdfff]];

export const chars = (ranges: Ranges): Expression => ({ kind: 'chars', ranges: subtract(normal(ranges), SURROGATES) });
export const sequence = (...parts: readonly Expression[]): Expression => (parts.length === 1 ? parts[0]! : { kind: 'sequence', parts });
export const either = (...parts: readonly Expression[]): Expression => (parts.length === 1 ? parts[0]! : { kind: 'either', parts });
export const repeat = (part: Expression, min: number, max = Infinity): Expression => ({ kind: 'repeat', part, min, max });
export const optional = (part: Expression): Expression => repeat(part, 0, 1);
export const call = (rule: string): Expression => ({ kind: 'call', rule });
export const EMPTY: Expression = { kind: 'sequence', parts: [] };

/** Exactly this text. */
export function literal(text: string): Expression {
  return sequence(...Array.from(text, (char) => chars([[char.codePointAt(0)!, char.codePointAt(0)!]])));
}

/** Sorted and merged. */
export function normal(ranges: Ranges): Ranges {
  const out: [number, number][] = [];
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = out.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

/** Everything that is not in the ranges. */
export function inverse(ranges: Ranges): Ranges {
  const out: [number, number][] = [];
  let next = 0;
  for (const [from, to] of normal(ranges)) {
    if (from > next) out.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= LAST) out.push([next, LAST]);
  return out;
}

export function subtract(ranges: Ranges, without: Ranges): Ranges {
  return inverse([...inverse(ranges), ...without]);
}

/** The same tree with every set of characters changed. */
export function mapChars(expression: Expression, change: (ranges: Ranges) => Ranges): Expression {
  switch (expression.kind) {
    case 'chars': return { kind: 'chars', ranges: change(expression.ranges) };
    case 'sequence': case 'either': return { ...expression, parts: expression.parts.map((part) => mapChars(part, change)) };
    case 'repeat': return { ...expression, part: mapChars(expression.part, change) };
    default: return expression;
  }
}
