// Whole data sets: workers and this thread give the same, caches are checked and rebuilt, aborts stop everything.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { openDataset, type Dataset, type DatasetOptions } from '../../../lib/pack/dataset.js';
import { defaultCacheFolder } from '../../../lib/text/encode-cache.js';
import { rejection, temporaryFolder } from '../../support/folder.js';
import { fixtureTemplate, goldenTokenizer } from './fixture.js';

const folder = temporaryFolder();
const base: DatasetOptions = { tokenizer: goldenTokenizer('byte-level'), cache: false, workers: 0 };
const rows = Array.from({ length: 420 }, (_, i) => ({
  prompt: `What is ${i} and ${i + 1}?`,
  completion: ` It is ${2 * i + 1}, of course. ${'日本 😀 '.repeat(i % 5)}`,
  ...(i % 7 === 0 ? { weight: 0.5 } : {}),
}));
const file = folder.write('rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
const few = folder.write(
  'few.jsonl',
  rows
    .slice(0, 40)
    .map((row) => JSON.stringify(row))
    .join('\n'),
);
const content = ({ set }: Dataset) =>
  [...set].map(({ tokens, labels, weights, row }) => ({ tokens, labels, weights, row }));

test('worker threads give the same sequences in the same order', async () => {
  const seen: number[] = [];
  const here = await openDataset(file, { ...base, onProgress: ({ rows: count }) => seen.push(count) });
  const there = await openDataset(file, { ...base, workers: 2 });
  expect(content(there)).toEqual(content(here));
  expect(there.report).toEqual(here.report);
  expect(here.report).toMatchObject({ rows: 420, kept: 420, truncated: 0 });
  expect(here.set.get(3).row).toBe(3);
  expect(seen.at(-1)).toBe(420);
  expect([...seen].sort((a, b) => a - b)).toEqual(seen);
}, 30_000);

test('the first bad row is named, with workers too, and none stays behind', async () => {
  const bad = folder.write(
    'bad.jsonl',
    rows.map((row, i) => JSON.stringify(i === 137 || i === 401 ? { ...row, prompt: 7 } : row)).join('\n'),
  );
  for (const workers of [0, 2]) {
    const error = await rejection(openDataset(bad, { ...base, workers }));
    expect([error.code, error.details]).toEqual([
      'ERR_DATA',
      { code: 'ERR_DATA', file: bad, row: 138, field: 'prompt' },
    ]);
  }
  // A row that only the encoder can refuse.
  const long = folder.write(
    'long.jsonl',
    rows
      .map((row, i) => JSON.stringify(i >= 300 && i % 50 === 3 ? { ...row, completion: 'x '.repeat(300) } : row))
      .join('\n'),
  );
  const error = await rejection(openDataset(long, { ...base, workers: 2, maxLength: 200 }));
  expect(error).toBeInstanceOf(Error);
  expect([error.code, error.details.row]).toEqual(['ERR_DATA', 304]);
  expect(error.message).toMatch(/row 304: expected at most 200 tokens/);
}, 30_000);

test('an abort stops workers with its reason', async () => {
  for (const workers of [0, 1]) {
    const control = new AbortController();
    const reading = openDataset(file, {
      ...base,
      workers,
      signal: control.signal,
      onProgress: () => control.abort(new Error('enough')),
    });
    await expect(reading).rejects.toThrow('enough');
    await expect(
      openDataset(file, { ...base, workers, signal: AbortSignal.abort(new Error('before')) }),
    ).rejects.toThrow('before');
  }
}, 30_000);

test('encoding here leaves the event loop free', async () => {
  let most = 0;
  const state = { done: false };
  const watch = (async () => {
    while (!state.done) {
      const before = performance.now();
      await setImmediate();
      most = Math.max(most, performance.now() - before);
    }
  })();
  let turns = 0;
  await openDataset(file, { ...base, onProgress: () => turns++ });
  state.done = true;
  await watch;
  // Many short turns; the time of one is left to quieter machines than this test runs on.
  expect(turns).toBeGreaterThan(20);
  expect(most).toBeLessThan(1000);
});

test('a second run reads the cache; other data, options or templates do not', async () => {
  const cache = path.join(folder.path, 'cache');
  const options = { ...base, cache };
  const first = await openDataset(few, options);
  const second = await openDataset(few, options);
  expect([first.set.fromCache, second.set.fromCache]).toEqual([false, true]);
  expect(content(second)).toEqual(content(first));
  expect([second.report, second.detection, second.warnings]).toEqual([first.report, first.detection, first.warnings]);
  const copy = folder.write('copy.jsonl', readFileSync(few));
  expect((await openDataset(copy, options)).set.fromCache).toBe(true);
  const changed = folder.write('changed.jsonl', readFileSync(few, 'utf8').replace('What is 7 ', 'What is 8 '));
  for (const [data, other] of [
    [changed, options],
    [few, { ...options, maxLength: 1000 }],
    [few, { ...options, trainOn: 'all' as const }],
    [few, { ...options, tokenizer: goldenTokenizer('pieces') }],
    [few, { ...options, template: fixtureTemplate('chatml'), useTemplate: 'always' as const }],
    [few, { ...options, template: fixtureTemplate('chatml'), useTemplate: 'auto' as const }],
  ] as const) {
    expect((await openDataset(data, other)).set.fromCache).toBe(false);
    expect((await openDataset(data, other)).set.fromCache).toBe(true);
  }
  expect(readdirSync(cache).every((name) => /^[0-9a-f]{64}\.bin$/.test(name))).toBe(true);
}, 30_000);

test('a damaged cache is rebuilt, never believed', async () => {
  const cache = path.join(folder.path, 'hurt');
  const good = content(await openDataset(few, { ...base, cache }));
  const name = path.join(cache, readdirSync(cache)[0] as string);
  const bytes = readFileSync(name);
  const damages: (() => Buffer)[] = [
    () => bytes.subarray(0, bytes.length - 1),
    () => bytes.subarray(0, 20),
    () => Buffer.alloc(0),
    () => Buffer.alloc(bytes.length),
    () => Buffer.concat([bytes, Buffer.from('x')]),
    ...[0, 8, 100, bytes.length >> 1, bytes.length - 50, bytes.length - 36, bytes.length - 1].map((at) => () => {
      const hurt = Buffer.from(bytes);
      hurt[at] = (hurt[at] as number) ^ 1;
      return hurt;
    }),
  ];
  for (const damage of damages) {
    writeFileSync(name, damage());
    const again = await openDataset(few, { ...base, cache });
    expect(again.set.fromCache).toBe(false);
    expect(content(again)).toEqual(good);
    expect(readFileSync(name).equals(bytes)).toBe(true);
  }
}, 60_000);

test('a set too large for memory is read from its cache file, also after the file is gone', async () => {
  const cache = path.join(folder.path, 'filed');
  const good = content(await openDataset(few, base));
  const written = await openDataset(few, { ...base, cache, memoryBytes: 0 });
  const read = await openDataset(few, { ...base, cache, memoryBytes: 0 });
  expect([written.set.fromCache, read.set.fromCache]).toEqual([false, true]);
  rmSync(cache, { recursive: true });
  for (const { set } of [written, read]) {
    expect(content({ set } as Dataset)).toEqual(good);
    expect(set.get(7)).toEqual({ ...good[7], weights: good[7]?.weights });
    set.close();
    set.close();
    expect(() => set.get(0)).toThrow();
  }
});

test('a cache folder that cannot be written is a warning, not an error', async () => {
  const blocked = folder.write('blocked', 'a file where a folder should be');
  const { set, warnings } = await openDataset(file, { ...base, cache: path.join(blocked, 'x') });
  expect(set.length).toBe(420);
  expect(warnings).toEqual([expect.stringMatching(/could not be cached in .*blocked/)]);
});

test('a failed run leaves nothing in the cache', async () => {
  const cache = path.join(folder.path, 'clean');
  mkdirSync(cache);
  const bad = folder.write('late.jsonl', [...rows.map((row) => JSON.stringify(row)), '{'].join('\n'));
  await rejection(openDataset(bad, { ...base, cache }));
  expect(readdirSync(cache)).toEqual([]);
});

test('the report and the warnings say what happened to rows', async () => {
  const mixed = folder.write(
    'mixed.jsonl',
    [
      { prompt: 'a', completion: ' b' },
      { prompt: 'a', completion: ' b', weight: 0 },
      { prompt: 'a', completion: ` ${'word '.repeat(100)}` },
      { prompt: 'The quick brown ', completion: 'fox' },
    ]
      .map((row) => JSON.stringify(row))
      .join('\n'),
  );
  const cut = await openDataset(mixed, { ...base, maxLength: 50, tooLong: 'truncate' });
  expect(cut.report).toMatchObject({ rows: 4, kept: 3, truncated: 1, weightless: 1, tooLong: 0, straddling: 1 });
  expect(cut.warnings.join(' ')).toMatch(
    /1 of 4 rows are longer.*truncated.*1 of 4 rows have weight 0.*1 of 4 rows one token/,
  );
  expect((await openDataset(mixed, { ...base, maxLength: 50, tooLong: 'drop' })).report).toMatchObject({
    kept: 2,
    tooLong: 1,
  });
  const nothing = folder.write('nothing.jsonl', '{"text": "abc", "weight": 0}');
  expect((await rejection(openDataset(nothing, base))).message).toMatch(
    /at least one row to learn, came none of 1: 0 too long, 1 with weight 0/,
  );
});

test('the cache folder follows XDG_CACHE_HOME', () => {
  expect(defaultCacheFolder({ XDG_CACHE_HOME: '/x' })).toBe('/x/whetstone/encoded');
  expect(defaultCacheFolder({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/whetstone\/encoded$/);
});
