// The golden cases on a device: transformers + PEFT in float64 against f32 and bf16, as test/golden does with jest.
import type { Session } from '../../lib/engine/types.js';
import { peftName } from '../../lib/model/names.js';
import { relativeError } from '../golden/compare.js';
import { caseNames, floats, goldenBatch, ints, openCase, type GoldenCase } from '../golden/fixture.js';
import { gradients, greedy, open } from '../golden/run.js';
import { BF16_BOUNDS, BOUNDS } from '../golden/sides.js';
import type { Device } from './models.js';
import { findingOf, type Measure } from './outcomes.js';
import type { Reporter, Unit } from './unit.js';

/** The worst of many tensors. */
function worst(what: string, budget: number, found: Iterable<readonly [string, ArrayLike<number>]>, want: (name: string) => ArrayLike<number>): Measure {
  const all = [...found].map(([name, data]) => ({ what: `${what} ${name}`, error: relativeError(data, want(name)), budget }));
  return all.find(({ error }) => Number.isNaN(error)) ?? all.reduce((a, b) => (b.error > a.error ? b : a));
}

/** Gradients of the mean loss, under PEFT's names; every one that the case holds must be there. */
async function means(session: Session, golden: GoldenCase, slot: number, weightSum: number): Promise<readonly (readonly [string, Float64Array])[]> {
  const found = [...await gradients(session, slot)].map(([name, data]) => [name, Float64Array.from(data, (value) => value / weightSum)] as const);
  const expected = [...golden.tensors.keys()].filter((name) => name.startsWith('gradient.')).length;
  if (found.length !== expected) throw new Error(`expected ${expected} gradients, got ${found.length}`);
  return found;
}

async function inF32(session: Session, golden: GoldenCase, slot: number): Promise<readonly Measure[]> {
  const bound = BOUNDS.f32;
  const batches = [0, 1, 2].map((number) => goldenBatch(golden, number, slot));
  const measures: Measure[] = [
    { what: 'logits', error: relativeError(await session.logits(batches[0]!, ints(golden, 'rows')), floats(golden, 'logits')), budget: bound.forward },
  ];
  const { lr, betas, eps, weight_decay: weightDecay, clip } = golden.optimizer;
  for (const [number, batch] of batches.entries()) {
    const [loss] = await session.accumulate(batch);
    const error = relativeError([loss!.lossSum / loss!.weightSum], [floats(golden, 'losses')[number]!]);
    measures.push({ what: `loss ${number}`, error, budget: bound.forward * (number === 0 ? 1 : 10) });
    if (number === 0) {
      measures.push(worst('gradient of', bound.gradient, await means(session, golden, slot, loss!.weightSum), (name) => floats(golden, `gradient.${name}`)));
    }
    const [report] = await session.applyGradients([{ slot, lr, betas, eps, weightDecay, clip }]);
    measures.push({ what: `norm ${number}`, error: relativeError([report!.gradNorm], [floats(golden, 'norms')[number]!]), budget: bound.after });
  }
  const after = (await session.readAdapter(slot, 'weights')).map(({ name, data }) => [peftName(name), data] as const);
  return [...measures, worst('after three updates', bound.after, after, (name) => floats(golden, `after.${name}`))];
}

async function inBf16(session: Session, golden: GoldenCase, slot: number): Promise<readonly Measure[]> {
  const batch = goldenBatch(golden, 0, slot);
  const logits = relativeError(await session.logits(batch, ints(golden, 'rows')), floats(golden, 'logits'));
  const [loss] = await session.accumulate(batch);
  const mean = relativeError([loss!.lossSum / loss!.weightSum], [floats(golden, 'losses')[0]!]);
  return [
    { what: 'logits', error: logits, budget: BF16_BOUNDS.logits }, { what: 'loss', error: mean, budget: BF16_BOUNDS.loss },
    worst('gradient of', BF16_BOUNDS.gradient, await means(session, golden, slot, loss!.weightSum), (name) => floats(golden, `gradient.${name}`)),
  ];
}

async function sameText(session: Session, golden: GoldenCase, slot: number): Promise<readonly string[]> {
  const want = [...ints(golden, 'greedy')];
  const got = await greedy(session, slot, ints(golden, 'prompt'), want.length);
  return got.join() === want.join() ? [] : [`greedy text is ${got.join(' ')}, not ${want.join(' ')}`];
}

/** Cases of the folder that WHETSTONE_GOLDEN names; one whose model is not there is left out. */
export function goldenUnits(devices: readonly Device[]): readonly Unit[] {
  return caseNames().filter((name) => openCase(name).folder !== undefined).flatMap((name) => (['f32', 'bf16'] as const).map((dtype): Unit => ({
    group: 'golden', op: 'golden', name, dtype,
    async run(report: Reporter) {
      const golden = openCase(name);
      for (const device of devices) {
        report.at({ backend: device });
        const { session, slot } = await open(golden, dtype, device);
        try {
          const problems = dtype === 'f32' ? await sameText(session, golden, slot) : [];
          report.add(findingOf(await (dtype === 'f32' ? inF32 : inBf16)(session, golden, slot), problems));
        } finally {
          await session.close();
        }
      }
    },
  })));
}
