// JSON that gives back exactly what went in: bigints, NaN, infinities and -0 survive, which a bit-exact resume needs.
// Such values become {"$exact": [kind, text]}; everything else is plain JSON.

import { EngineError } from '../errors.js';

export type Exact = null | boolean | number | bigint | string | readonly Exact[] | { readonly [key: string]: Exact };

const TAG = '$exact';

/** Equal values give equal text: keys stay in their order. Undefined fields are left out, as JSON.stringify does. */
export function exactStringify(value: Exact): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === 'bigint') return { [TAG]: ['bigint', String(item)] };
    if (typeof item === 'number' && (!Number.isFinite(item) || Object.is(item, -0))) {
      return { [TAG]: ['number', Object.is(item, -0) ? '-0' : String(item)] };
    }
    if (typeof item === 'function' || typeof item === 'symbol' || ArrayBuffer.isView(item) || item instanceof Map || item instanceof Set) {
      throw new EngineError('training state holds something that JSON cannot: expected plain objects, lists, numbers and texts',
        { code: 'ERR_INVALID_ARGUMENT', argument: 'state', expected: 'plain data', received: typeof item });
    }
    return item;
  });
}

/** The reverse of {@link exactStringify}. Throws a SyntaxError for anything that it would not have written. */
export function exactParse(text: string): Exact {
  return JSON.parse(text, (_, item: unknown) => {
    if (typeof item !== 'object' || item === null || !(TAG in item)) return item;
    const [kind, content] = (item as { [TAG]: readonly unknown[] })[TAG];
    if (kind === 'bigint' && typeof content === 'string' && /^-?[0-9]+$/.test(content)) return BigInt(content);
    if (kind === 'number' && typeof content === 'string' && /^(-0|NaN|-?Infinity)$/.test(content)) return Number(content);
    throw new SyntaxError(`unknown ${TAG} value`);
  }) as Exact;
}
