// The part of jest that test/ops needs, so that its checks run from the bundle: `describe` and `test` collect, `expect`
// throws a sentence. A matcher that is missing here fails the test that asks for it.
import { format, isDeepStrictEqual } from 'node:util';

export interface Collected {
  readonly name: string;
  run(): void | Promise<void>;
}

type Body = (...given: never[]) => unknown;

function shown(value: unknown): string {
  const text = format('%o', ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value).replace(/\s+/g, ' ');
  return text.length > 120 ? `${text.slice(0, 120)} …` : text;
}

/** Where two lists first differ, or what differs. */
function difference(got: unknown, want: unknown): string {
  const isList = (x: unknown): x is ArrayLike<unknown> => Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView));
  if (!isList(got) || !isList(want) || got.length !== want.length) return `got ${shown(got)}, expected ${shown(want)}`;
  const at = Array.from(want).findIndex((each, i) => !isDeepStrictEqual(got[i], each));
  return at < 0 ? `got another kind of list than ${shown(want)}` : `at ${at} of ${want.length} got ${shown(got[at])}, expected ${shown(want[at])}`;
}

function expectation(got: unknown, negated = false): object {
  const rule = (holds: (want: never, more: never) => boolean, said: (want: unknown) => string) => (want: unknown, more: unknown): void => {
    if (holds(want as never, more as never) === negated) throw new Error(negated ? `not the contrary: ${said(want)}` : said(want));
  };
  const n = got as number;
  return {
    toBe: rule((want) => Object.is(got, want), (want) => difference(got, want)),
    toEqual: rule((want) => isDeepStrictEqual(got, want), (want) => difference(got, want)),
    toBeLessThan: rule((want: number) => n < want, (want) => `got ${n}, expected less than ${String(want)}`),
    toBeLessThanOrEqual: rule((want: number) => n <= want, (want) => `got ${n}, expected at most ${String(want)}`),
    toBeGreaterThan: rule((want: number) => n > want, (want) => `got ${n}, expected more than ${String(want)}`),
    toBeCloseTo: rule((want: number, digits: number) => Math.abs(n - want) < 10 ** -digits / 2, (want) => `got ${n}, expected about ${String(want)}`),
    toMatch: rule((want: RegExp) => want.test(String(got)), (want) => `got ${shown(got)}, expected ${String(want)}`),
    ...(negated ? {} : { not: expectation(got, true) }),
  };
}

/** jest's names of rows: %s and its kin for lists, $key for objects. */
function rowName(title: string, row: unknown): string {
  if (Array.isArray(row)) {
    const holes = title.match(/%[sidjop]/g)?.length ?? 0;
    return format(title.replaceAll('%p', '%o'), ...row.slice(0, holes).map((x) => (typeof x === 'bigint' ? String(x) : x)));
  }
  if (row === null || typeof row !== 'object') return format(title.replaceAll('%p', '%s'), row);
  return title.replace(/\$(\w+)/g, (_, key: string) => String((row as Record<string, unknown>)[key] ?? ''));
}

const each = (one: (title: string, body: Body) => void) => (rows: readonly unknown[]) => (title: string, body: Body): void => {
  for (const row of rows) {
    one(rowName(title, row), (() => (Array.isArray(row) ? body(...row as never[]) : body(row as never))) as Body);
  }
};

/** The tests that a file declares while `load` runs it. */
export async function collect(load: () => Promise<unknown>): Promise<readonly Collected[]> {
  const found: Collected[] = [];
  const path: string[] = [];
  const test = (title: string, body: Body): void => {
    found.push({ name: [...path, title].join(': '), run: body as Collected['run'] });
  };
  const describe = (title: string, body: Body): void => {
    path.push(title);
    body();
    path.pop();
  };
  Object.assign(globalThis, {
    test: Object.assign(test, { each: each(test) }), describe: Object.assign(describe, { each: each(describe) }), expect: (got: unknown) => expectation(got),
  });
  await load();
  return found;
}
