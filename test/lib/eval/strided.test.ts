// Perplexity through overlapping windows equals the recipe of transformers, on a real small model and on a golden one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stridedPerplexity, stridedWindows } from '../../../lib/eval/strided.js';
import { openSession } from '../../../lib/engine/session.js';
import { loadModel } from '../../../lib/model/load.js';
import { openCase, removeFolders } from '../../golden/fixture.js';

interface Fixture {
  readonly model: string;
  readonly tokens: readonly number[];
  readonly cases: readonly (readonly [length: number, stride: number, theirs: number, each: number, theirCount: number, eachCount: number])[];
}
const fixtures = JSON.parse(readFileSync(join(__dirname, 'strided.json'), 'utf8')) as readonly Fixture[];
afterAll(removeFolders);

test.each(fixtures.map((fixture) => [fixture.model, fixture] as const))('%s', async (name, { tokens, cases }) => {
  const { folder } = openCase(name);
  // stories260K lies beside the repository and not everywhere; qwen2 is always there.
  if (folder === undefined) return expect(name).toBe('stories260K');
  const { spec, weights } = await loadModel(folder);
  const session = await openSession({
    spec, weights, device: 'cpu', dtype: 'f32', threads: 1, slots: 0, rank: 16, targets: [], maxTokens: 512, maxSequences: 16, training: false,
  });
  const ids = Int32Array.from(tokens);
  for (const [length, stride, theirs, each, theirCount, eachCount] of cases) {
    const as = await stridedPerplexity(session, ids, { length, stride, counting: 'transformers', batchTokens: 512 });
    expect([as.tokens, Math.abs(as.perplexity / theirs - 1) < 1e-5]).toEqual([theirCount, true]);
    if (stride >= length) continue;
    const own = await stridedPerplexity(session, ids, { length, stride });
    expect([own.tokens, Math.abs(own.perplexity / each - 1) < 1e-5]).toEqual([eachCount, true]);
    expect(own.tokens).toBe(tokens.length - 1); // every token but the first, once
  }
  await session.close();
});

test('windows score each token once, in order', () => {
  const tokens = Int32Array.from({ length: 23 }, (_, i) => 100 + i);
  for (const [length, stride] of [[8, 3], [8, 7], [30, 5], [2, 1]] as const) {
    const scored = stridedWindows(tokens, length, stride, 'tokens').flatMap(({ sequence }) => [...sequence.labels].filter((label) => label >= 0));
    expect(scored).toEqual([...tokens].slice(1));
  }
});

test('wrong arguments are named', async () => {
  const session = {} as Parameters<typeof stridedPerplexity>[0];
  await expect(stridedPerplexity(session, Int32Array.of(1), { length: 8 })).rejects.toThrow(/tokens\.length: expected a whole number from 2/);
  await expect(stridedPerplexity(session, Int32Array.of(1, 2), { length: 8, stride: 8 })).rejects.toThrow(/stride: expected a whole number from 1 to 7, got 8/);
});
