// Real models trained for some updates on a device: the loss of every update beside the CPU's, in f32 and in bf16.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../../lib/batch.js';
import { openSession } from '../../lib/engine/session.js';
import { loadModel } from '../../lib/model/load.js';
import type { Projection } from '../../lib/tensors.js';
import { TextTokenizer } from '../../lib/text/tokenizer.js';
import { batchOf } from '../support/engine.js';
import type { Device } from './models.js';
import { findingOf } from './outcomes.js';
import type { Reporter, Unit } from './unit.js';

const UPDATES = 24;
const ROWS = 24; // of the data a batch
const BUDGET = 0.01; // of the CPU's loss

/** Model folders of this checkout and beside it. */
const models: readonly (readonly [string, string])[] = [['pebble', join('models', 'pebble')], ['stories260K', join('..', 'shared', 'models', 'stories260K')]];
const data = join('data', 'quickstart', 'train.jsonl');

const projections: readonly Projection[] = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];

async function batches(folder: string): Promise<readonly Batch[]> {
  const tokenizer = await TextTokenizer.load(folder);
  const rows = readFileSync(data, 'utf8').split('\n').slice(0, UPDATES * ROWS)
    .map((line) => JSON.parse(line) as { readonly prompt: string; readonly completion: string });
  return Array.from({ length: UPDATES }, (_, i) => batchOf(rows.slice(i * ROWS, (i + 1) * ROWS)
    .map(({ prompt, completion }) => ({ tokens: [...tokenizer.encode(prompt + completion)], slot: 0 }))));
}

/** The mean loss of each update. */
async function losses(folder: string, device: Device, dtype: 'f32' | 'bf16', alive: () => void): Promise<readonly number[]> {
  const { spec, weights } = await loadModel(folder);
  const all = await batches(folder);
  const session = await openSession({
    spec, weights, device, dtype, targets: projections, slots: 1, rank: 16, maxTokens: Math.max(...all.map((b) => b.tokens.length)), maxSequences: ROWS,
  });
  try {
    const modules = Array.from({ length: spec.layers }, (_, layer) => projections.map((projection) => ({ layer, projection, rank: 16, scale: 2 }))).flat();
    const slot = await session.addAdapter({ modules, dropout: 0.05, seed: 5n });
    const found: number[] = [];
    for (const batch of all) {
      const [loss] = await session.accumulate(batch);
      found.push(loss!.lossSum / loss!.weightSum);
      alive();
      await session.applyGradients([{ slot, lr: 2e-3, clip: 1 }]);
    }
    return found;
  } finally {
    await session.close();
  }
}

const known = new Map<string, Promise<readonly number[]>>();

function onCpu(folder: string, dtype: 'f32' | 'bf16', alive: () => void): Promise<readonly number[]> {
  const made = known.get(folder + dtype) ?? losses(folder, 'cpu', dtype, alive);
  known.set(folder + dtype, made);
  return made;
}

/** Of the models that are here; on the CPU it is checked that the loss falls. */
export function trainingUnits(devices: readonly Device[]): readonly Unit[] {
  const here = models.filter(([, folder]) => existsSync(join(folder, 'model.safetensors')) && existsSync(data));
  return here.flatMap(([name, folder]) => (['f32', 'bf16'] as const).map((dtype): Unit => ({
    group: 'training', op: 'training', name: `${name}, ${UPDATES} updates`, dtype,
    async run(report: Reporter) {
      for (const device of devices) {
        const alive = (): void => report.at({ backend: device });
        alive();
        const want = await onCpu(folder, dtype, alive);
        const got = device === 'cpu' ? want : await losses(folder, device, dtype, alive);
        const error = got.reduce((most, loss, i) => Math.max(most, Math.abs(loss / want[i]! - 1)), got.length === UPDATES ? 0 : NaN);
        const problems = got.at(-1)! < 0.8 * got[0]! ? [] : [`the loss goes from ${got[0]} to ${got.at(-1)}`];
        report.add(findingOf([{ what: 'loss of an update', error, budget: BUDGET }], problems));
      }
    },
  })));
}
