// Parts of groups: a pure function of content and seed; groups never straddle; shares come out right; what was placed
// stays placed.
import fc from 'fast-check';
import { drawOf, isBelow, KeyIndex, keyOf, normalText } from '../../../lib/curate/key64.js';
import type { Key } from '../../../lib/curate/key64.js';
import { assignParts, ASIDE, byDraw } from '../../../lib/curate/split.js';
import { RowGroups } from '../../../lib/curate/split-groups.js';
import { throughFile } from './split-support.js';

fc.configureGlobal({ numRuns: 40 });

const SHARES = { validation: 0.2, test: 0.1, seed: 7 };
const key = (name: string): Key => keyOf(name);

interface Row {
  readonly text: string;
  readonly units: readonly string[];
}

const row = fc.record({
  text: fc.integer({ min: 0, max: 60 }).map((n) => `text ${n}`),
  units: fc.array(fc.integer({ min: 0, max: 25 }).map((n) => `unit ${n}`), { maxLength: 2 }),
});

function group(rows: readonly Row[]) {
  const groups = new RowGroups();
  for (const { text, units } of rows) groups.add(key(text), units.map(key), units.length > 0 ? key(units[0]!) : key(text));
  return groups.finish();
}

/** Connected components by repeated sweeps: the plain definition. */
function components(rows: readonly Row[]): number[] {
  const label = rows.map((_, i) => i);
  for (let changed = true; changed;) {
    changed = false;
    for (let a = 0; a < rows.length; a++) {
      for (let b = 0; b < rows.length; b++) {
        const linked = rows[a]!.text === rows[b]!.text || rows[a]!.units.some((unit) => rows[b]!.units.includes(unit));
        if (linked && label[a]! < label[b]!) {
          label[b] = label[a]!;
          changed = true;
        }
      }
    }
  }
  return label;
}

test('groups are the connected components, numbered by their lowest rows', () => {
  fc.assert(fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
    const { groupOf, sizes } = group(rows);
    const label = components(rows);
    for (let a = 0; a < rows.length; a++) {
      for (let b = 0; b < a; b++) expect(groupOf[a] === groupOf[b]).toBe(label[a] === label[b]);
    }
    expect([...sizes].reduce((a, b) => a + b, 0)).toBe(rows.length);
  }));
});

test.each([false, true])('rows in another order have the same parts (exact shares: %s)', (exact) => {
  fc.assert(fc.property(fc.array(row, { maxLength: 60 }), fc.infiniteStream(fc.nat()), (rows, random) => {
    const order = rows.map((one, i) => ({ one, i, at: random.next().value as number })).sort((a, b) => a.at - b.at);
    const before = assignParts(group(rows), { ...SHARES, exact }).part;
    const after = assignParts(group(order.map(({ one }) => one)), { ...SHARES, exact }).part;
    expect(order.map(({ i }) => before[i])).toEqual([...after]);
  }));
});

test('adding rows moves only groups that it joins, and a unit that grows never moves', () => {
  fc.assert(fc.property(fc.array(row, { maxLength: 40 }), fc.array(row, { maxLength: 20 }), (old, added) => {
    const before = group(old);
    const after = group([...old, ...added]);
    const was = assignParts(before, SHARES).part;
    const is = assignParts(after, SHARES).part;
    for (let i = 0; i < old.length; i++) {
      const smallest = before.keys[before.groupOf[i]!]!;
      const now = after.keys[after.groupOf[i]!]!;
      if (smallest.high === now.high && smallest.low === now.low) expect(is[i]).toBe(was[i]);
      else expect(isBelow(now, smallest)).toBe(true);
    }
  }));
  const users = [0, 1, 2, 3].flatMap((user) => [0, 1].map((n) => ({ text: `${user} says ${n}`, units: [`user ${user}`] })));
  const grown = [...users, ...[0, 1, 2, 3].map((user) => ({ text: `${user} says more`, units: [`user ${user}`] }))];
  expect([...assignParts(group(grown), SHARES).part].slice(0, 8)).toEqual([...assignParts(group(users), SHARES).part]);
});

test.each([false, true])('with the earlier parts nothing moves at all, and no group of new rows straddles (exact shares: %s)', (exact) => {
  fc.assert(fc.property(fc.array(row, { maxLength: 40 }), fc.array(row, { maxLength: 25 }), (old, added) => {
    const was = assignParts(group(old), { ...SHARES, exact }).part;
    const groups = group([...old, ...added]);
    const { part, aside } = assignParts(groups, { ...SHARES, exact, previous: Int8Array.from([...was, ...added.map(() => -1)]) });
    expect([...part].slice(0, old.length)).toEqual([...was]);
    const inside = new Map<number, Set<number>>();
    for (const [i, group] of groups.groupOf.entries()) inside.set(group, (inside.get(group) ?? new Set()).add(part[i]!));
    for (const [group, parts] of inside) {
      const torn = new Set([...was].filter((_, i) => groups.groupOf[i] === group)).size > 1;
      if (!torn) expect(parts.size).toBe(1);
    }
    for (let i = 0; i < part.length; i++) if (part[i] === ASIDE) expect(i).toBeGreaterThanOrEqual(old.length);
    expect(aside).toBe([...part].filter((one) => one === ASIDE).length);
  }));
});

test('a row that joins groups of different parts is kept aside; the groups stay', () => {
  const names = Array.from({ length: 200 }, (_, i) => `user ${i}`);
  const train = names.find((name) => byDraw(drawOf(key(name), SHARES.seed), SHARES) === 0)!;
  const test = names.find((name) => byDraw(drawOf(key(name), SHARES.seed), SHARES) === 2)!;
  const old: Row[] = [{ text: 'a', units: [train] }, { text: 'b', units: [test] }];
  const bridge: Row = { text: 'c', units: [train, test] };
  const { part, aside, torn } = assignParts(group([...old, bridge]), { ...SHARES, previous: Int8Array.of(0, 2, -1) });
  expect([[...part], aside, torn]).toEqual([[0, 2, 3], 1, 1]);
});

test('shares come out as asked: by draws within chance, exactly to one row in each stratum', () => {
  const rows = Array.from({ length: 7000 }, (_, i) => ({ text: `row ${i}`, units: [] }));
  const groups = group(rows);
  const drawn = assignParts(groups, SHARES).part;
  const share = (part: Uint8Array, number: number, of = (_: number): boolean => true): number =>
    [...part].filter((one, i) => one === number && of(i)).length / rows.filter((_, i) => of(i)).length;
  expect(Math.abs(share(drawn, 1) - 0.2)).toBeLessThan(4 * Math.sqrt(0.16 / 7000));
  expect(Math.abs(share(drawn, 2) - 0.1)).toBeLessThan(4 * Math.sqrt(0.09 / 7000));
  const strata = Int32Array.from(rows, (_, i) => i % 7);
  const exact = assignParts(groups, { ...SHARES, exact: true, strata }).part;
  for (let stratum = 0; stratum < 7; stratum++) {
    const inside = rows.filter((_, i) => strata[i] === stratum).length;
    for (const [number, wanted] of [[1, 0.2], [2, 0.1]] as const) {
      expect(Math.abs(share(exact, number, (i) => strata[i] === stratum) - wanted)).toBeLessThanOrEqual(1.01 / inside);
    }
  }
  expect(Math.abs(share(exact, 1) - 0.2)).toBeLessThanOrEqual(1 / 7000);
});

test('many tiny strata together still meet the shares', () => {
  const groups = group(Array.from({ length: 3000 }, (_, i) => ({ text: `row ${i}`, units: [] })));
  const { part } = assignParts(groups, { ...SHARES, exact: true, strata: Int32Array.from({ length: 3000 }, (_, i) => i % 1000) });
  const count = (number: number): number => part.reduce((sum, one) => sum + (one === number ? 1 : 0), 0);
  expect([count(1), count(2)]).toEqual([600, 300]);
});

test('another seed is another split; one share changed moves few groups', () => {
  const groups = group(Array.from({ length: 5000 }, (_, i) => ({ text: `row ${i}`, units: [] })));
  const a = assignParts(groups, SHARES).part;
  const b = assignParts(groups, { ...SHARES, seed: 8 }).part;
  const same = a.filter((one, i) => one === b[i]).length / 5000;
  expect(Math.abs(same - (0.49 + 0.04 + 0.01))).toBeLessThan(0.03);
  const c = assignParts(groups, { ...SHARES, test: 0.15 }).part;
  for (let i = 0; i < 5000; i++) if (a[i] === 2) expect(c[i]).toBe(2);
  const d = assignParts(groups, { ...SHARES, validation: 0.3 }).part;
  for (let i = 0; i < 5000; i++) if (a[i] !== 0) expect(d[i]).toBe(a[i]);
});

test('shares that leave nothing are refused', () => {
  const groups = group([{ text: 'a', units: [] }]);
  expect(() => assignParts(groups, { ...SHARES, validation: 0.9 })).toThrow(/below 1, so that something is left to train on/);
  expect(() => assignParts(groups, { ...SHARES, test: -0.1 })).toThrow(/test: expected a share/);
  expect(() => assignParts(groups, { ...SHARES, test: NaN })).toThrow(/test: expected a share/);
  expect(() => assignParts(groups, { ...SHARES, seed: 1.5 })).toThrow(/seed: expected a whole number/);
});

test('draws are spread evenly over [0, 1), and equal on every machine', () => {
  const draws = Array.from({ length: 10_000 }, (_, i) => drawOf(key(`k${i}`), 42));
  const bins = Array.from({ length: 20 }, (_, bin) => draws.filter((draw) => Math.floor(draw * 20) === bin).length);
  const chi = bins.reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
  expect(chi).toBeLessThan(43.8); // 99.9 % of chi-square with 19 degrees of freedom
  expect([drawOf(keyOf('a'), 1), drawOf(keyOf('a', 'content'), 2 ** 40)]).toMatchInlineSnapshot(`
[
  0.8553687466285591,
  0.4577698667003771,
]
`);
});

test('the key index keeps the first number of each key', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 4000 }), fc.nat(1000)), { maxLength: 3000 }), (pairs) => {
    const index = new KeyIndex();
    const plain = new Map<number, number>();
    for (const [name, value] of pairs) {
      if (!plain.has(name)) plain.set(name, value);
      expect(index.add({ high: name, low: 5 }, value)).toBe(plain.get(name));
    }
    expect(index.size).toBe(plain.size);
    for (const [name, value] of plain) expect(index.get({ high: name, low: 5 })).toBe(value);
    expect(index.get({ high: 9999, low: 5 })).toBe(-1);
  }), { numRuns: 20 });
});

test('white space and Unicode forms do not change what a text is', () => {
  expect(normalText(' a\u0301 \n\tb\u00a0c ')).toBe('\u00e1 b c');
});

test('the keys file comes back as it was; keys that were torn are left out', async () => {
  const keys = Array.from({ length: 500 }, (_, i) => [key(`k${i % 400}`), i < 400 ? i % 3 : (i + 1) % 3] as const);
  const index = await throughFile(keys);
  expect(index.size).toBe(300 + keys.slice(400).filter(([, part], i) => part === i % 3).length);
  for (let i = 100; i < 400; i++) expect(index.get(key(`k${i}`))).toBe(i % 3);
});
