// Near duplicates on a labelled set: recall, false merges, the error of the estimate, and that nothing depends on threads.
import { chanceOfCandidate, minHashOptions } from '../../../lib/curate/minhash-options.js';
import type { MinHashPreset } from '../../../lib/curate/minhash-options.js';
import { clustersOf, nearDuplicateClusters } from '../../../lib/curate/near-duplicates.js';
import { Signatures } from '../../../lib/curate/signatures.js';
import { SHINGLES, jaccard, labelledTexts } from './labelled-pairs.js';

const labelled = labelledTexts(120, 7);
const texts = labelled.map(({ text }) => text);

/** Texts near each other in the list: all pairs inside families, and of families with their neighbours. */
function pairsOf(preset: MinHashPreset): { a: number; b: number; same: boolean; jaccard: number }[] {
  const shingles = texts.map(SHINGLES[preset]);
  return labelled.flatMap(({ family }, a) => labelled.slice(a + 1, a + 8).map((other, place) => {
    const b = a + 1 + place;
    return { a, b, same: other.family === family, jaccard: jaccard(shingles[a]!, shingles[b]!) };
  }));
}

test('the labelled set holds what it should', () => {
  const pairs = pairsOf('datatrove');
  expect(pairs.filter((pair) => pair.jaccard >= 0.8).length).toBeGreaterThan(140);
  expect(pairs.filter((pair) => !pair.same && pair.jaccard > 0.2 && pair.jaccard < 0.5).length).toBeGreaterThan(90);
  expect(pairs.filter((pair) => pair.jaccard >= 0.8).every((pair) => pair.same)).toBe(true);
});

test.each(['datatrove', 'nemo', 'data-juicer'] as MinHashPreset[])('%s: recall, false merges, the estimate', async (preset) => {
  const pairs = pairsOf(preset);
  const signatures = new Signatures(minHashOptions(preset));
  await signatures.add(texts);
  const { cluster, duplicates } = await clustersOf(signatures);
  const close = pairs.filter((pair) => pair.jaccard >= 0.8);
  const recall = close.filter((pair) => cluster[pair.a] === cluster[pair.b]).length / close.length;
  // What bands of this shape can find; clusters find more, through a third text. NeMo's bands find two pairs in three at 0.8.
  const chance = close.reduce((sum, pair) => sum + chanceOfCandidate(pair.jaccard, signatures.options), 0) / close.length;
  expect(recall).toBeGreaterThanOrEqual(preset === 'nemo' ? chance - 0.03 : 0.95);
  const merged = pairs.filter((pair) => cluster[pair.a] === cluster[pair.b]);
  expect(merged.filter((pair) => !pair.same).length / merged.length).toBeLessThan(0.01);
  expect(duplicates).toBe(cluster.filter((first, row) => first !== row).length);
  const errors = pairs.filter((pair) => pair.jaccard >= 0.5)
    .map((pair) => Math.abs(signatures.agreement(pair.a, pair.b) - pair.jaccard));
  expect(errors.length).toBeGreaterThan(80);
  expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThanOrEqual(0.03);
}, 30_000);

test('the same clusters with one thread, with four, and in two portions', async () => {
  const one = await nearDuplicateClusters(texts, { threads: 1 });
  const four = await nearDuplicateClusters(texts, { threads: 4 });
  const portions = new Signatures(minHashOptions(), 1);
  await portions.add(texts.slice(0, 100));
  await portions.add(texts.slice(100));
  expect(four).toEqual(one);
  expect(await clustersOf(portions)).toEqual(one);
});

test('a cluster is named by its first row', async () => {
  const text = 'one two three four five six seven eight nine ten eleven twelve';
  const { cluster, duplicates } = await nearDuplicateClusters(['something else altogether, with other words', text, 'short', text.toUpperCase(), 'short', '', '']);
  expect([...cluster]).toEqual([0, 1, 2, 1, 2, 5, 6]);
  expect(duplicates).toBe(2);
});

test('without joining by signature, banding alone decides', async () => {
  const checked = await nearDuplicateClusters(texts, {});
  const banded = await nearDuplicateClusters(texts, { minhash: { threshold: 0 } });
  expect(banded.duplicates).toBeGreaterThanOrEqual(checked.duplicates);
});

test('can be cancelled before and while it works', async () => {
  await expect(nearDuplicateClusters(texts, { signal: AbortSignal.abort(new Error('no more')) })).rejects.toThrow('no more');
  const controller = new AbortController();
  const endless = (async function* () {
    for (let row = 0; ; row++) {
      if (row === 10_000) controller.abort(new Error('enough'));
      yield `${row} ${texts[row % texts.length]}`;
    }
  })();
  await expect(nearDuplicateClusters(endless, { signal: controller.signal })).rejects.toThrow('enough');
});

test('progress says how far it is', async () => {
  const seen: string[] = [];
  await nearDuplicateClusters(texts, { onProgress: (stage, done, total) => seen.push(`${stage} ${done}/${total ?? '?'}`) });
  expect(seen.at(-1)).toBe('join 14/14');
  expect(seen[0]).toMatch(/^sign \d+/);
});
