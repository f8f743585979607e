// Cards, reports and lineages: the card is the one that the hub's own readers took, numbers are counted right, hostile
// text stays text, what the hub would refuse is refused here.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { parse } from 'yaml';
import { main } from '../../../lib/cli/program.js';
import { frontMatter, writeCard } from '../../../lib/curate/card.js';
import { isLanguage, sizeCategory } from '../../../lib/curate/card-check.js';
import { featureYaml, mergeTypes, mixedColumns, typeOf } from '../../../lib/curate/features.js';
import { findLineage } from '../../../lib/curate/lineage.js';
import { nearDuplicateClusters } from '../../../lib/curate/near-duplicates.js';
import { profileData, splitOf } from '../../../lib/curate/profile.js';
import type { ProfileOptions } from '../../../lib/curate/profile.js';
import { Lengths } from '../../../lib/curate/quantiles.js';
import { writeReport } from '../../../lib/curate/report.js';
import { splitFiles } from '../../../lib/curate/split-files.js';
import { openSource } from '../../../lib/data/source.js';

const here = join(__dirname, 'card');
let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'whetstone-card-')); });
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, rows: readonly object[]): string {
  const file = join(folder, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

async function run(...args: string[]) {
  const text = { out: '', err: '' };
  const streams = {
    stdout: { write: (part: string) => { text.out += part; } }, stderr: { write: (part: string) => { text.err += part; } },
    stdin: new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean }, env: {},
  };
  return { code: await main(args, streams), ...text };
}

async function profileOf(files: readonly string[], options: ProfileOptions = {}) {
  return profileData(await openSource(files), options);
}

const NOWHERE = { steps: [], files: [] };

test('the card is, byte for byte, the one that huggingface_hub and datasets have read', async () => {
  for (const name of ['train.jsonl', 'test.jsonl']) copyFileSync(join(here, name), join(folder, name));
  const { code, out } = await run('data', 'card', join(folder, 'train.jsonl'), join(folder, 'test.jsonl'), '--license', 'cc-by-4.0', '--name', 'Notes: a test',
    '--language', 'en', '--tags', 'tests,notes', '--out', folder, '--json');
  expect(code).toBe(0);
  const card = readFileSync(join(folder, 'README.md'), 'utf8');
  expect(card).toBe(readFileSync(join(here, 'README.md'), 'utf8'));
  const oracle = JSON.parse(readFileSync(join(here, 'oracle.json'), 'utf8')) as { sha256: string; rows: Record<string, number>; license: string };
  expect(createHash('sha256').update(card).digest('hex')).toBe(oracle.sha256);
  const matter = parse(card.split('---\n')[1]!) as { license: string; dataset_info: { splits: { name: string; num_examples: number }[] } };
  expect(matter.license).toBe(oracle.license);
  expect(Object.fromEntries(matter.dataset_info.splits.map((one) => [one.name, one.num_examples]))).toEqual(oracle.rows);
  expect(JSON.parse(out)).toMatchObject({ rows: 31, flawed: 1, duplicates: { exact: 1 } });
  expect((await run('data', 'card', join(folder, 'train.jsonl'), '--license', 'mit', '--out', folder)).err).toMatch(/expected no card there, came one/);
});

test('counts are right', async () => {
  const shared = 'a long answer that is said in both parts word for word and goes on for long enough to be found by everybody who looks';
  const train = write('train.jsonl', [
    { prompt: 'one question of many', completion: shared }, { prompt: 'x', completion: '' }, { prompt: 'say it again', completion: 'Say  it again.' },
    { prompt: 'one question of many', completion: shared }, { prompt: 'abc', completion: 'The queen and her sister wrote a letter to an old man at anna.berg@mail-house.org again.' },
  ]);
  const valid = write('rows-valid.jsonl', [{ prompt: 'one question of many', completion: shared }, { prompt: 'ab', completion: 'cd', source: 'elsewhere' }]);
  const profile = await profileOf([train, valid], { near: (texts) => nearDuplicateClusters(texts) });
  expect(profile.duplicates).toEqual({ exact: 2, near: 2, acrossParts: 1, clusters: [0, 1, 0, 0, 0, 0, 0, 0, 0] });
  expect([profile.quality, profile.flawed]).toEqual([[{ name: 'answer is question', rows: 1 }, { name: 'empty answer', rows: 1 }], 2]);
  expect(profile.sources).toEqual([{ name: 'train.jsonl', rows: 5 }, { name: 'elsewhere', rows: 1 }, { name: 'rows-valid.jsonl', rows: 1 }]);
  expect(profile.languages).toEqual([{ name: 'en', rows: 4 }, { name: 'unknown', rows: 3 }]);
  expect([profile.pii, profile.piiRows]).toEqual([[{ name: 'email', rows: 1 }], 1]);
  expect(profile.bias.groups.map(({ group, sentences }) => [group, sentences])).toEqual([['women', 1], ['men', 1]]);
  expect(profile.files.map(({ rows, bytes }) => [rows, bytes])).toEqual([[5, readFileSync(train).length], [2, readFileSync(valid).length]]);
  const card = frontMatter(profile, NOWHERE, { name: 'n', license: 'mit' });
  expect(card.language).toEqual(['en']);
  expect(card.configs[0]!.data_files).toEqual([{ split: 'train', path: 'train.jsonl' }, { split: 'validation', path: 'rows-valid.jsonl' }]);
  expect(writeReport(profile, NOWHERE, { title: 't', by: 'b' })).toMatch(/1 rows of validation or test have a near duplicate in another part/);
});

test.each([
  ['train-00000.jsonl', 'train'], ['anything.parquet', 'train'], ['validation.jsonl', 'validation'], ['my_dev.json', 'validation'], ['gsm8k-test.jsonl', 'test'],
  ['latest.jsonl', 'train'], ['device.jsonl', 'train'], ['eval.csv', 'validation'],
])('%s is a part for %s', (file, part) => expect(splitOf(`/some/test/${file}`)).toBe(part));

test('types of columns: the least that holds all rows', () => {
  fc.assert(fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 6 }), (values) => {
    const types = values.map(typeOf);
    const forward = types.reduce(mergeTypes);
    expect(JSON.stringify(featureYaml('x', mergeTypes(forward, forward)))).toBe(JSON.stringify(featureYaml('x', forward)));
    expect(mixedColumns(new Map([['x', forward]])).length).toBe(mixedColumns(new Map([['x', [...types].reverse().reduce(mergeTypes)]])).length);
  }), { numRuns: 100 });
  const merged = [{ a: 1, b: [{ c: 'x' }] }, { a: 1.5, b: [] }, { a: null, b: [{ c: 3, d: true }] }].map(typeOf).reduce(mergeTypes);
  expect(featureYaml('row', merged)).toEqual({ name: 'row', struct: [{ name: 'a', dtype: 'float64' }, { name: 'b', list: [{ name: 'c', dtype: 'string' }, { name: 'd', dtype: 'bool' }] }] });
  expect(mixedColumns(new Map([['row', merged]]))).toEqual(['row.b.c']);
  expect(featureYaml('n', typeOf([['a'], []]))).toEqual({ name: 'n', list: { list: 'string' } });
});

test('lengths: exact to 4,096, then within two percent; histograms lose nothing', () => {
  const lengths = new Lengths();
  const values = Array.from({ length: 2000 }, (_, i) => (i < 1000 ? i : 5000 + 37 * (i - 1000)));
  for (const value of values) lengths.add(value);
  const { median, p95, p5, most, least, mean, total } = lengths.report;
  expect([least, most, p5, median]).toEqual([0, 5000 + 37 * 999, 99, 999]);
  expect(Math.abs(p95 / values[1899]! - 1)).toBeLessThan(0.02);
  expect([total, mean]).toEqual([values.reduce((a, b) => a + b), values.reduce((a, b) => a + b) / 2000]);
  const counts = lengths.histogram([0, 500, 1000, 50_000]);
  expect(counts).toEqual([500, 500, 1000]);
  expect(new Lengths().report).toMatchObject({ rows: 0, median: 0, least: 0 });
});

test('sizes and languages as the hub has them', () => {
  expect([0, 999, 1000, 99_999, 1e6, 2e12].map(sizeCategory)).toEqual(['n<1K', 'n<1K', '1K<n<10K', '10K<n<100K', '1M<n<10M', 'n>1T']);
  expect(['en', 'yue', 'zh-Hans', 'code', 'multilingual', 'english', 'EN', 'zz', 'x'].map(isLanguage)).toEqual([true, true, true, true, true, false, false, false, false]);
});

test('what the hub would refuse is refused, by key', async () => {
  const profile = await profileOf([write('train.jsonl', [{ text: 'a' }])]);
  const card = (options: object) => () => frontMatter(profile, NOWHERE, { name: 'n', license: 'mit', ...options });
  expect(card({ license: 'MIT' })).toThrow(/card's license: expected an identifier of the hub.*came "MIT"/);
  expect(card({ license: 'other' })).toThrow(/license_name and license_link beside "other", came no name/);
  expect(card({ license: 'other', licenseName: 'My Licence', licenseLink: 'LICENSE' })).toThrow(/license_name/);
  expect(card({ language: ['english'] })).toThrow(/language: expected a code of ISO 639.*"english"/);
  expect(card({ tasks: ['chatting'] })).toThrow(/task_categories/);
  expect(card({ tags: [''] })).toThrow(/tags/);
  expect(card({ license: 'other', licenseName: 'mine', licenseLink: 'LICENSE' })().license_name).toBe('mine');
});

test('text of the data stays text, in the card and in the report', async () => {
  const evil = '<img src=x onerror=alert(1)> | [a](javascript:b) `c`\n\n# d';
  const profile = await profileOf([write('train.jsonl', [{ text: evil, source: evil, [evil]: 1 }])]);
  const card = writeCard(profile, NOWHERE, { name: evil, license: 'mit' });
  const body = card.slice(card.indexOf('\n---\n') + 5);
  expect(body).not.toMatch(/<img|\n# d|[^\\]\[a\]/);
  expect((parse(card.split('---\n')[1]!) as { pretty_name: string }).pretty_name).toBe(evil);
  expect(writeReport(profile, NOWHERE, { title: evil, by: 'b' })).not.toMatch(/<img/);
});

test('a lineage is followed through the records of every step, by hashes', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({ text: `row number ${i}` }));
  const origin = write('origin.jsonl', rows);
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  await splitFiles(await openSource(origin), first, { validation: 0, test: 0.2 });
  await splitFiles(await openSource(join(first, 'train.jsonl')), second, { validation: 0.2, test: 0 });
  const lineage = await findLineage([join(second, 'train.jsonl'), join(second, 'validation.jsonl')]);
  expect(lineage.steps.map(({ step, from, to }) => [step, from.map(({ file }) => file), to.map(({ file }) => file)])).toEqual([
    ['split', ['../origin.jsonl'], ['train.jsonl', 'test.jsonl']], ['split', ['../first/train.jsonl'], ['train.jsonl', 'validation.jsonl']],
  ]);
  expect(lineage.steps[0]!.to[0]!.sha256).toBe(lineage.steps[1]!.from[0]!.sha256);
  expect(lineage.steps[0]!.from[0]!.sha256).toBe(createHash('sha256').update(readFileSync(origin)).digest('hex'));
  const { code } = await run('data', 'clean', join(second, 'train.jsonl'), '--output', join(folder, 'third'), '--json');
  expect(code).toBe(0);
  expect((await findLineage([join(folder, 'third', 'clean.jsonl')])).steps.map(({ step }) => step)).toEqual(['split', 'split', 'clean']);
  writeFileSync(join(second, 'train.jsonl'), '{"text":"changed by hand"}\n');
  expect((await findLineage([join(second, 'train.jsonl')])).steps).toEqual([]);
  mkdirSync(join(folder, 'odd'));
  writeFileSync(join(folder, 'odd', 'split.json'), '{"from":[1],"files":{"a":{}}}');
  writeFileSync(join(folder, 'odd', 'broken.json'), '{');
  expect((await findLineage([write('odd/rows.jsonl', rows)])).steps).toEqual([]);
});
