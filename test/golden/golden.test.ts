// The whole model against transformers + PEFT in float64, for every family: logits, loss, every adapter gradient, the
// adapter after three clipped AdamW steps, greedy text. The double oracle must agree to 1e-9, the f32 backend to 1e-5,
// bf16 storage to what eight bits of mantissa leave.
import { peftName } from '../../lib/model/names.js';
import { beyond, relativeError } from './compare.js';
import { caseNames, floats, goldenBatch, ints, openCase, removeFolders } from './fixture.js';
import { gradients, greedy, open, single } from './run.js';
import { BF16_BOUNDS, BOUNDS } from './sides.js';

afterAll(removeFolders);

const here = caseNames().map((name) => openCase(name)).filter((golden) => golden.folder !== undefined);
const sides: readonly (keyof typeof BOUNDS)[] = ['oracle', 'f32'];

test('every family has its case', () => {
  expect(here.map(({ name }) => name.split('-')[0])).toEqual(
    expect.arrayContaining(['llama', 'llama3', 'mistral', 'qwen2', 'qwen3', 'smollm2', 'phi3']));
});

describe.each(sides)('on the %s', (side) => {
  const bound = BOUNDS[side];

  test.each(here)('$name: logits, loss, gradients, three steps', async (golden) => {
    const { session, slot } = await open(golden, side);
    const batches = [0, 1, 2].map((number) => goldenBatch(golden, number, slot));
    const logits = await session.logits(batches[0]!, ints(golden, 'rows'));
    expect(relativeError(logits, floats(golden, 'logits'))).toBeLessThanOrEqual(bound.forward);

    const { lr, betas, eps, weight_decay: weightDecay, clip } = golden.optimizer;
    for (const [number, batch] of batches.entries()) {
      const [loss] = await session.accumulate(batch);
      expect(loss!.scored).toBe(batch.labels.filter((label) => label >= 0).length);
      const mean = loss!.lossSum / loss!.weightSum;
      expect(relativeError([mean], [floats(golden, 'losses')[number]!])).toBeLessThanOrEqual(bound.forward * (number === 0 ? 1 : 10));
      if (number === 0) {
        const found = await gradients(session, slot);
        const expected = [...golden.tensors.keys()].filter((name) => name.startsWith('gradient.')).map((name) => name.slice(9));
        expect([...found.keys()].sort()).toEqual(expected.sort());
        const means = [...found].map(([name, data]) => [name, Float64Array.from(data, (value) => value / loss!.weightSum)] as const);
        expect(beyond(bound.gradient, means, (name) => floats(golden, `gradient.${name}`))).toEqual([]);
      }
      const [report] = await session.applyGradients([{ slot, lr, betas, eps, weightDecay, clip }]);
      expect(relativeError([report!.gradNorm], [floats(golden, 'norms')[number]!])).toBeLessThanOrEqual(bound.after);
      expect(report!.step).toBe(number + 1);
    }
    const after = (await session.readAdapter(slot, 'weights')).map(({ name, data }) => [peftName(name), data] as const);
    expect(beyond(bound.after, after, (name) => floats(golden, `after.${name}`))).toEqual([]);
    await session.close();
  });

  test.each(here)('$name: greedy text', async (golden) => {
    const { session, slot } = await open(golden, side);
    const expected = ints(golden, 'greedy');
    expect(await greedy(session, slot, ints(golden, 'prompt'), expected.length)).toEqual([...expected]);
    await session.close();
  });

  test.each(here)('$name: packed equals unpacked', async (golden) => {
    const { session, slot } = await open(golden, side);
    const batch = goldenBatch(golden, 0, slot);
    const documents = Array.from({ length: batch.seqBegin.length - 1 }, (_, q) => single(batch, q));
    const alone: number[] = [];
    for (const document of documents) alone.push(...(await session.evaluate(document)).rowLoss);
    expect(relativeError((await session.evaluate(batch)).rowLoss, alone)).toBeLessThanOrEqual(bound.forward);

    await session.accumulate(batch);
    const packed = await gradients(session, slot);
    await session.dropGradients();
    for (const document of documents) await session.accumulate(document);
    expect(beyond(bound.gradient, await gradients(session, slot), (name) => packed.get(name)!)).toEqual([]);
    await session.close();
  });
});

test.each(here)('$name: in bf16', async (golden) => {
  const { session, slot } = await open(golden, 'bf16');
  const batch = goldenBatch(golden, 0, slot);
  expect(relativeError(await session.logits(batch, ints(golden, 'rows')), floats(golden, 'logits'))).toBeLessThanOrEqual(BF16_BOUNDS.logits);
  const [loss] = await session.accumulate(batch);
  expect(relativeError([loss!.lossSum / loss!.weightSum], [floats(golden, 'losses')[0]!])).toBeLessThanOrEqual(BF16_BOUNDS.loss);
  const means = [...await gradients(session, slot)].map(([name, data]) => [name, Float64Array.from(data, (value) => value / loss!.weightSum)] as const);
  expect(beyond(BF16_BOUNDS.gradient, means, (name) => floats(golden, `gradient.${name}`))).toEqual([]);
  await session.close();
});
