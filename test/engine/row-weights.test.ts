// Weights from the file to the gradient: a weight of 2 on a set, a row or a message is that row twice.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collate, scored } from '../../lib/pack/collate.js';
import { loadParts, openParts } from '../../lib/train/open.js';
import { encodeRows } from '../../lib/train/rows.js';
import type { SetConfig } from '../../lib/train/sets.js';
import { resolveTargets } from '../../lib/checkpoint/targets.js';
import { flat } from '../support/engine.js';

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'whetstone-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

const chat = (question: string, answer: string, rest: object = {}, message: object = {}) =>
  ({ messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer, ...message }], ...rest });
const other = chat('And you?', 'I am well, thank you.');
const row = (rest: object = {}, message: object = {}) => chat('How are you?', 'Fine.', rest, message);

function file(name: string, rows: readonly object[]): string {
  writeFileSync(join(folder, name), rows.map((one) => JSON.stringify(one)).join('\n'));
  return join(folder, name);
}

test('a set, a row and a message of weight 2 give the loss and the step of the row twice', async () => {
  const parts = await loadParts({ model: join(__dirname, '../../models/pebble') });
  const modules = resolveTargets(parts.model.spec, { r: 4, alpha: 8, targetModules: ['q_proj', 'down_proj'] });
  const outcome = async (train: string | (string | SetConfig)[]) => {
    const rows = await encodeRows(parts, train, {});
    const batch = collate(Array.from({ length: rows.set.length }, (_, i) => ({ sequence: rows.set.get(i) })));
    const { session, slot } = await openParts(parts, { device: 'cpu', dtype: 'f32', maxTokens: 256, maxSequences: 8, training: true }, { modules, seed: 5n });
    const [loss] = await session.accumulate(batch);
    await session.applyGradients([{ slot, lr: 1e-2 }]);
    const weights = await flat(session, slot, 'weights');
    await session.close();
    rows.close();
    return { loss: loss!.lossSum / loss!.weightSum, weightSum: loss!.weightSum, scored: scored(batch), weights };
  };
  const twice = await outcome(file('twice.jsonl', [row(), row(), other]));
  const weighted = [
    await outcome(file('row.jsonl', [row({ weight: 4 }, { loss_scale: 0.5 }), other])),
    await outcome(file('message.jsonl', [row({}, { weight: 2 }), other])),
    await outcome([{ files: file('set.jsonl', [row()]), weight: 2 }, file('other.jsonl', [other])]),
  ];
  for (const one of weighted) {
    expect(one.weightSum).toBe(twice.weightSum);
    expect(one.scored.weight).toBe(twice.scored.weight);
    expect(Math.abs(one.loss - twice.loss)).toBeLessThan(1e-7);
    // The same numbers summed in another order: Adam's first step is a sign, so only gradients near 0 could differ.
    const far = one.weights.filter((value, i) => Math.abs(value - twice.weights[i]!) > 1e-5).length;
    expect(far / one.weights.length).toBeLessThan(0.002);
  }
  for (const one of weighted.slice(1)) expect([...one.weights]).toEqual([...weighted[0]!.weights]);
});
