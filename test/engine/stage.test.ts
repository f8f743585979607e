// Batches that are packed ahead: the same numbers as without, in any order of calls, and nothing held too long.
import { allModules, batchOf, flat, openTiny, randomTokens, stir } from '../support/engine.js';
import type { Session } from '../../lib/engine/types.js';
import { tinySpec, writeTinyModel } from '../support/tiny-model.js';

const model = writeTinyModel(tinySpec(), 12);
afterAll(() => model.remove());
const batch = (seed: number, slot = 0) => batchOf([20, 9].map((length, i) => ({ tokens: randomTokens(length, 61, seed + i), slot })), { neftuneAlpha: 3 });

async function adapted(): Promise<Session> {
  const session = await openTiny('cpu', model);
  await session.addAdapter({ modules: allModules(model, 4, 2), dropout: 0.2, seed: 7n });
  await stir(session, 0, 3);
  return session;
}

test('staged or not, queued or awaited: the same losses and weights, dropout and noise included', async () => {
  const [plain, staged, queued] = [await adapted(), await adapted(), await adapted()];
  try {
    const seen: number[][] = [[], [], []];
    for (let step = 0; step < 4; step += 1) {
      for (const seed of [10 * step, 10 * step + 5]) seen[0]!.push((await plain.accumulate(batch(seed)))[0]!.lossSum);
      await plain.applyGradients([{ slot: 0, lr: 1e-2 }]);

      let next = batch(10 * step);
      staged.stage(next);
      for (const seed of [10 * step + 5, -1]) {
        const running = staged.accumulate(next);
        next = batch(seed);
        if (seed >= 0) staged.stage(next);
        seen[1]!.push((await running)[0]!.lossSum);
      }
      await staged.applyGradients([{ slot: 0, lr: 1e-2 }]);
    }
    // Everything at once: more batches than blocks, updates between them.
    const all = [0, 1, 2, 3].flatMap((step) => {
      const losses = [10 * step, 10 * step + 5].map((seed) => queued.accumulate(batch(seed)));
      const update = queued.applyGradients([{ slot: 0, lr: 1e-2 }]);
      return [...losses, update.then(() => undefined)];
    });
    for (const losses of await Promise.all(all)) if (losses !== undefined) seen[2]!.push(losses[0]!.lossSum);
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
    const weights = await flat(plain, 0, 'weights');
    expect(await flat(staged, 0, 'weights')).toEqual(weights);
    expect(await flat(queued, 0, 'weights')).toEqual(weights);
  } finally {
    for (const session of [plain, staged, queued]) await session.close();
  }
});

test('a staged batch is a copy, another one takes its place, and a wrong one is refused by accumulate', async () => {
  const [session, other] = [await adapted(), await adapted()];
  try {
    const expected = (await other.accumulate(batch(1)))[0]!.lossSum;
    const changed = batch(1);
    session.stage(batch(50));
    session.stage(changed);
    changed.tokens.fill(0);
    expect((await session.accumulate(changed))[0]!.lossSum).toBe(expected);
    await session.dropGradients();
    await other.dropGradients();
    const wrong = { ...batch(2), labels: new Int32Array(29).fill(-2) };
    session.stage(wrong);
    await expect(session.accumulate(wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/^labels: .* got -2 at row 0/) });
    const missing = batch(3, 1);
    session.stage(missing);
    await expect(session.accumulate(missing)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/adapter/) });
    expect((await session.accumulate(batch(1)))[0]!.lossSum).toBe((await other.accumulate(batch(1)))[0]!.lossSum);
    session.stage(batch(4));
  } finally {
    await session.close(); // with one still staged
    await other.close();
  }
  session.stage(batch(5)); // of no use, and no harm
  await expect(session.accumulate(batch(5))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});
