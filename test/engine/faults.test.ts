// A device that runs out of memory or is lost in the middle of a step: a typed error, and everything else lives on.
import type { Session } from '../../lib/engine/types.js';
import { allModules, batchOf, flat, openTiny, randomTokens, stir } from '../support/engine.js';
import { fault, memoryOfFaulty, openFaulty } from '../support/faulty.js';
import { tinySpec, writeTinyModel } from '../support/tiny-model.js';

const model = writeTinyModel(tinySpec({ layers: 3, window: [0, 0, 0] }), 5);
afterAll(() => model.remove());
afterEach(() => fault());

const batch = batchOf([30, 12].map((length, i) => ({ tokens: randomTokens(length, 61, i + 1), slot: 0 })));

async function adapted(session: Session): Promise<Session> {
  await session.addAdapter({ modules: allModules(model, 4, 2, true), dropout: 0.1, seed: 9n });
  await stir(session, 0, 3);
  return session;
}

async function step(session: Session): Promise<number> {
  const [loss] = await session.accumulate(batch);
  await session.applyGradients([{ slot: 0, lr: 1e-2 }]);
  return loss!.lossSum;
}

const inAStep = ['embed', 'norm', 'linear', 'rope_table', 'rope', 'attention', 'swiglu', 'head_loss', 'norm_bwd', 'linear_bwd', 'swiglu_bwd',
  'attention_bwd', 'copy', 'fill', 'stream_wait'];

test.each(inAStep)('out of memory in %s: the window is dirty, and after dropGradients training goes on as if nothing had been', async (op) => {
  const straight = await adapted(await openFaulty(model));
  const shaken = await adapted(await openFaulty(model));
  try {
    const first = await step(straight);
    expect(await step(shaken)).toBe(first);
    fault({ op, after: 0, status: 'out-of-memory' });
    await expect(shaken.accumulate(batch)).rejects.toMatchObject({
      code: 'ERR_OUT_OF_MEMORY', message: expect.stringMatching(new RegExp(`${op}.*the test left no memory.*dropGradients`)),
      details: { needed: shaken.memory.reduce((sum, { bytes }) => sum + bytes, 0), plan: expect.arrayContaining([{ name: expect.any(String), bytes: expect.any(Number) }]) },
    });
    await expect(shaken.accumulate(batch)).rejects.toMatchObject({ code: 'ERR_DIRTY' });
    await shaken.dropGradients();
    expect(await step(shaken)).toBe(await step(straight));
    expect(await flat(shaken, 0, 'weights')).toEqual(await flat(straight, 0, 'weights'));
  } finally {
    await shaken.close();
    await straight.close();
  }
});

test.each(['sqnorm', 'adamw'])('out of memory in %s changes no weight, and the update can be made again', async (op) => {
  const session = await adapted(await openFaulty(model));
  try {
    await session.accumulate(batch);
    const before = await flat(session, 0, 'weights');
    fault({ op, after: 0, status: 'out-of-memory' });
    await expect(session.applyGradients([{ slot: 0, lr: 1e-2 }])).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect(await flat(session, 0, 'weights')).toEqual(before);
    const [report] = await session.applyGradients([{ slot: 0, lr: 1e-2 }]);
    expect(report!.step).toBe(1);
    expect(await flat(session, 0, 'weights')).not.toEqual(before);
  } finally {
    await session.close();
  }
});

test.each([['linear', 5], ['attention_bwd', 1], ['stream_wait', 0]] as const)('a device lost in %s refuses everything, and other sessions go on', async (op, after) => {
  const lost = await adapted(await openFaulty(model));
  const other = await adapted(await openTiny('cpu', model));
  try {
    fault({ op, after, status: 'device-lost' });
    const running = lost.accumulate(batch), queued = lost.evaluate(batch);
    await expect(running).rejects.toMatchObject({ code: 'ERR_DEVICE_LOST', details: { op }, message: expect.stringMatching(/close the session/) });
    await expect(queued).rejects.toMatchObject({ code: 'ERR_DEVICE_LOST' });
    await expect(lost.readAdapter(0, 'weights')).rejects.toMatchObject({ code: 'ERR_DEVICE_LOST' });
    expect(await step(other)).toBeGreaterThan(0);
    await lost.close();
    const again = await adapted(await openFaulty(model));
    expect(await step(again)).toBeGreaterThan(0);
    await again.close();
  } finally {
    await lost.close();
    await other.close();
  }
  expect(memoryOfFaulty().bytes).toBe(0);
});

test('a device lost while weights are read, or memory that somebody else took, leaves nothing behind', async () => {
  fault({ op: 'copy', after: 3, status: 'device-lost' });
  await expect(openFaulty(model)).rejects.toMatchObject({ code: 'ERR_DEVICE_LOST' });
  for (const after of [0, 1, 2, 3, 4]) {
    fault({ op: 'alloc', after, status: 'out-of-memory' });
    await expect(openFaulty(model)).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY', details: { plan: expect.arrayContaining([expect.anything()]) } });
  }
  expect(memoryOfFaulty().bytes).toBe(0);
});
